"""What a column's header says it is, in the languages that vendors write.

A name is normalised (case, accents, punctuation, CamelCase), then looked up; the position in a role's
list is its rank, so that ``Close`` wins over ``Last`` where both stand side by side. Words that only
qualify (a currency, "price") are dropped before a second try.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

PRICES = ("open", "high", "low", "close")
_ADJUSTED, _BID, _ASK = 100, 10, 20
# A volume whose name says more ("Deliverable Quantity") ranks behind all that are known.
_QUALIFIED = 90
#: Added to the rank of a volume in quote currency (turnover).
QUOTE_RANK = 1000

# What stands for the close where nothing is called so, best first: a settlement before the last trade.
_INSTEAD_OF_CLOSE = (
    "settle|settlement|settlement price|settle price",
    """last|latest|last price|zuletzt|letzter|ostatnio|ostatni|dernier|último|ult|ultimo|laatste
        |senast|senaste|siste|seneste|şimdi|utolsó|poslední|lần cuối|terakhir|последняя|viimeisin
        |τελευταία|ltp|现价|最新价|現在値|현재가""",
    "kurs|koers|price|цена|ціна",
)
_WORDS: dict[str, str] = {
    "open": """open|opening|o|opn|openp|first|erster|eröffnung|eröffnungskurs|eröffn|anfang|anfangskurs
        |otwarcie|kurs otwarcia|시가|오픈|始値|開始値|откр|открытие|цена открытия|开盘
        |开盘价|開盤|開盤價|今开|开|開|ouverture|ouv|ouvert|cours ouverture|apertura|aper|ap
        |apre|abertura|abert|opening|openingskoers|öppning|öppningskurs|öppn|åpning|åbning|åben|apert
        |açılış|avaus|nyitó|nyitás|otevření|otevírací|zahájení|mở cửa|mở|lần mở|pembukaan
        |buka|відкр|відкриття|άνοιγμα""",
    "high": """high|highest|h|hgh|max|maximum|hi|day high|hoch|höchst|höchstkurs|tageshoch|najwyższy
        |maks|kurs maksymalny|고가|高値|макс|максимум|максимальная|максимальная цена|高|最高
        |最高价|最高價|haut|plus haut|+ haut|plus haut jour|máximo|máx|máxima|alto|massimo
        |mass|màssimo|hoog|hoogste|högst|högsta|høyest|højest|høj|yüksek|en yüksek|ylin
        |nejvyšší|legmagasabb|cao|cao nhất|tertinggi|υψηλό""",
    "low": """low|lowest|l|lw|min|minimum|lo|day low|tief|tiefst|tiefstkurs|tagestief|niedrigst
        |najniższy|kurs minimalny|저가|安値|мин|минимум|минимальная|минимальная цена|мін|低
        |最低|最低价|最低價|bas|plus bas|+ bas|plus bas jour|mínimo|mín|mínima|bajo|minimo
        |baixo|laag|laagste|lägst|lägsta|lavest|lav|düşük|en düşük|alin|nejnižší
        |legalacsonyabb|thấp|thấp nhất|terendah|χαμηλό""",
    "close": """close|closing|c|cls|closep|close last|schluss|schlusskurs|schlußkurs|zamknięcie
        |kurs zamknięcia|종가|終値|закр|закрытие|цена закрытия|закриття|收|收盘|收盘价|收盤|收盤價
        |clôture|clôt|fermeture|cours clôture|cierre|chiusura|fechamento|fecho|slot|slotkoers
        |stängning|stängningskurs|slutkurs|kapanış|päätös|záró|závěr|zavření|zavírací
        |đóng cửa|penutupan|κλείσιμο|close price|closing price""",
    "volume": """volume|vol|v|shares|shares traded|volume shares|trade volume|trading volume
        |total volume|volume traded|volume base|base volume|quantity|qty
        |total traded quantity|traded quantity|traded qty|tottrdqty|ttl trd qnty|ttl tradg vol
        |total traded volume|no of shares traded|number of shares|quantità|quantidade|cantidad
        |nombre de titres|nombre de titres échangés|acvol uns|cshtrd|stück|stücke|stueck|stuecke|stk
        |anzahl|adet|成交仟股|成交千股
        |titres|títulos|成交量|交易量|量|成交股數|成交股数|거래량|거래주식수|出来高|売買高
        |объем|объём|кол во|количество|обсяг|об|wolumen|wol|volumen|volym|volumi|volumes
        |hacim|hac|objem|forgalom|khối lượng|kl|volumefrom|volume from|contracts|no of shares
        |vol traded|όγκος""",
    "tick_volume": "tickvol|tick volume|tickvolume|ticks|tick vol|tick count",
}
_TIME = """date time|datetime|timestamp|time period start|period start|open time|opentime|start time
        |begin|window start|time open|candle begin time|date|trade date|session date|trading date
        |day|time|data|datum|dátum|fecha|data ora|ngày|tarih|дата|время|日期|时间|時間|交易日期|交易时间
        |日付|日時|年月日|날짜|일자|일시|시간|시각|dtyyyymmdd|date utc|time utc|gmt time
        |local time|unix|unix timestamp|epoch|ts|t|timestart|start|period|päivä|ημερομηνία
        |tanggal|giorno|jour|uhrzeit|zeit|heure|hora|czas|ora|дата время|bar time
        |kline open time|datum zeit|czas utc"""
_SYMBOL = """symbol|ticker|tckr symb|ts code|code|stock code|act symbol|ric|instrument|secid|tic|sec code
        |pair|contract|股票代码|证券代码|代码|종목코드|단축코드|銘柄コード|コード|wkn|isin
        |тикер|product|asset|currency pair|coin|stock|name|名称|股票名称|종목명|銘柄|銘柄名"""
# Known, and never one of a bar's roles.
_OTHER = """vwap|vw|wap|average|avg|avg price|mid|typical|weighted average|均价|open interest|oi
        |opn int|openint|open int|spread|change|chg|pct|pct chg|pct change|change %|chg %|%
        |изм|изм %|änderung|zmiana|var|var %|vol %|difference|涨跌幅|涨跌额|振幅|换手率
        |成交额|成交金额|成交金額|成交筆數|漲跌價差|거래대금|변동|변동 %|등락률|전일비|대비
        |売買代金|前日比|変化率|turnover|turnover rate|amount|amt|value|notional|umsatz
        |obrót|quote volume|quote asset volume|quote vol|volumeto|volume to|taker buy base
        |taker buy quote|taker buy base asset volume|taker buy quote asset volume
        |taker buy base volume|taker buy quote volume|trades|tradecount|trade count
        |number of trades|num trades|count|n|transactions|no of trades|dividends|dividend
        |ex dividend|stock splits|split ratio|split factor|splits|split coefficient|divcash
        |splitfactor|dividend amount|close time|closetime|end time|series|per|exchange
        |pricetype|ignore|market cap|marketcap|capital gains|turnover lacs|turnover rs
        |deliverable qty|deliv qty|dly qt to traded qty|52w h|52w l|52 week high|52 week low
        |pre close|previous close|prev close|prevclose|preclose|昨收|前收盘|前收盘价
        |adjustment factor|label|change over time|change percent|rsi|sma|ema|macd|atr|factor
        |rate|volume currency|volume usd|volume weighted average|conversiontype
        |conversionsymbol"""
_NOISE_WORDS = """
    price prices pric px kurs cours kurz preis prix precio prezzo preço cena kaina usd eur gbp
    jpy chf cny krw inr usdt busd aud cad in of the value rate mid trade daily day 日 원 円 元 株 주
    주가 share per at de di d zł pln rub руб s today
"""
_PREVIOUS = frozenset(["prev", "previous", "pre", "prior", "vor", "vortag", "yesterday"])
_ADJ = frozenset(
    [
        "adj",
        "adjusted",
        "adjclose",
        "adjopen",
        "adjhigh",
        "adjlow",
        "bereinigt",
        "調整後",
        "調整値",
        "复权",
        "ajusté",
        "ajustado",
    ]
)
_AVERAGES = frozenset(["average", "avg", "mean", "ma", "sma", "ema"])
_QUOTES = frozenset(
    ["quote", "to", "turnover", "currency", "taker", "notional", "usd", "usdt", "busd", "usdc", "eur"]
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a name stands for: a role and how well it fits (0 is best); ``other`` is known, no role."""

    role: str
    rank: int


def normalise(name: str) -> str:
    """Case, accents, punctuation and CamelCase removed: ``<Tick_Vol>`` becomes ``tick vol``."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    bare = "".join(c for c in unicodedata.normalize("NFKD", spaced) if not unicodedata.combining(c))
    folded = unicodedata.normalize("NFC", bare).casefold()
    folded = folded.replace("ł", "l").replace("ı", "i").replace("ø", "o").replace("đ", "d")
    return " ".join(re.sub(r"[^\w%+]+|_", " ", folded).split())


def _table(text: str) -> list[str]:
    return [normalise(part) for part in text.split("|")]


def _build() -> dict[str, Meaning]:
    table: dict[str, Meaning] = {}
    roles = [*_WORDS.items(), ("time", _TIME), ("symbol", _SYMBOL), ("other", _OTHER)]
    for role, words in roles:
        for rank, word in enumerate(_table(words)):
            table.setdefault(word, Meaning(role, min(rank, _BID - 1) if role in PRICES else rank))
    # Within a language's list the plain names come first; all that only mean "last" rank behind.
    for word in _table(_WORDS["close"]):
        table[word] = Meaning("close", 0)
    for rank, words in enumerate(_INSTEAD_OF_CLOSE, start=_BID - len(_INSTEAD_OF_CLOSE)):
        for word in _table(words):
            table[word] = Meaning("close", rank)
    for role in ("open", "high", "low"):
        for word in _table(_WORDS[role]):
            table[word] = Meaning(role, 0)
    return table


_TABLE = _build()
_NOISE = frozenset(normalise(word) for word in _NOISE_WORDS.split())


@lru_cache(maxsize=4096)
def meaning(name: str) -> Meaning | None:
    """Look a header name up; None if it is unknown."""
    full = normalise(name)
    known = _TABLE.get(full)
    if known is not None:
        return known
    words = full.split()
    # "1. open", "5 volume": Alpha Vantage numbers its columns ("1a. open (USD)").
    if len(words) > 1 and re.fullmatch(r"\d+[a-z]?", words[0]):
        words = words[1:]
    if set(words) & _PREVIOUS:
        return Meaning("other", 0)
    adjusted = bool(set(words) & _ADJ) or "調整" in full or "复权" in full or "adj" in full.split(" ")
    side = _BID if "bid" in words else _ASK if "ask" in words else 0
    kept = [w for w in words if w not in _ADJ and w not in ("bid", "ask", "mid")]
    for candidate in (kept, [w for w in kept if w not in _NOISE]):
        found = _TABLE.get(" ".join(candidate)) or _TABLE.get("".join(candidate))
        if found is not None and found.role != "symbol":
            rank = found.rank + side + (_ADJUSTED if adjusted else 0)
            if found.role == "volume" and set(words) & _QUOTES:
                rank += QUOTE_RANK
            return Meaning(found.role, rank)
    if adjusted:
        bare = re.sub("調整(後|値)|(前|后|後)?复权", "", full).strip()
        found = _TABLE.get(bare)
        return Meaning(found.role, found.rank + _ADJUSTED) if found else Meaning("other", 0)
    return _qualified(words)


def _qualified(words: list[str]) -> Meaning | None:
    """A name with one more word: ``AAPL.Open`` (the symbol), ``Volume BTC`` (the unit)."""
    if len(words) >= 2:
        first, last = _TABLE.get(words[0]), _TABLE.get(words[-1])
        traded = last is not None and last.role == "volume" and len(words) > 2 and len(words[-1]) > 2
        if set(words) & _AVERAGES:
            return Meaning("other", 0)
        if traded:
            return Meaning("volume", _QUALIFIED + (QUOTE_RANK if set(words) & _QUOTES else 0))
        if first is not None and first.role == "volume":
            return Meaning("volume", _QUALIFIED + (QUOTE_RANK if set(words) & _QUOTES else 0))
        if (
            last is not None
            and last.role in (*PRICES, "volume")
            and len(words) == 2
            and len(words[-1]) > 2
        ):
            return Meaning(last.role, 5 if last.role in PRICES else _QUALIFIED)
        if first is not None and first.role in PRICES and len(words[0]) > 2 and last is None:
            return Meaning(first.role, 5)
        if (first is not None and first.role == "time") or (last is not None and last.role == "time"):
            return Meaning("time", 60)
    return None


def price_roles(cells: list[str]) -> set[str]:
    """The price roles that these header cells name."""
    found = (meaning(cell) for cell in cells if cell and len(cell) < 80)
    return {m.role for m in found if m is not None and m.role in PRICES}
