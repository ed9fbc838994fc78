# ruff: noqa: E501
"""Vendors' formats in their real shapes, written from one table of bars and read back exactly."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from tests.ml.data.reading.bars import assert_same, make_bars, read_text

DAILY = make_bars()
HOURLY = make_bars(72, freq="h", start="2020-02-27 00:00")
MINUTES = make_bars(90, freq="min", start="2020-01-31 22:50", price=1.25)
COIN = make_bars(60, freq="D", price=9000.0)


@dataclass(frozen=True)
class Format:
    name: str
    bars: pd.DataFrame
    write: Callable[[pd.DataFrame], str]
    ticker: str = "TEST"
    interval: str = "1d"
    encoding: str = "utf-8"
    volume: bool = True
    zone: str = "UTC"


def rows(
    bars: pd.DataFrame,
    order: str,
    stamp: str = "%Y-%m-%d",
    *,
    sep: str = ",",
    number: Callable[[float], str] = str,
) -> str:
    """Lines of the columns in ``order``: t, o, h, l, c, v, anything else as it stands."""
    names = {"o": "open", "h": "high", "l": "low", "c": "close"}
    lines = []
    for bar in bars.to_dict("records"):
        cells = []
        for item in order.split(" "):
            if item.strip('"') == "t":
                cells.append(item.replace("t", bar["timestamp"].strftime(stamp)))
            elif item in names:
                cells.append(number(bar[names[item]]))
            elif item == "v":
                cells.append(str(int(bar["volume"])))
            else:
                cells.append(item)
        lines.append(sep.join(cells))
    return "\n".join(lines) + "\n"


def header(
    text: str,
    order: str,
    stamp: str = "%Y-%m-%d",
    *,
    sep: str = ",",
    down: bool = False,
    number: Callable[[float], str] = str,
) -> Callable[[pd.DataFrame], str]:
    """A header line and rows."""
    return lambda bars: (
        text + "\n" + rows(bars[::-1] if down else bars, order, stamp, sep=sep, number=number)
    )


def comma(value: float) -> str:
    return f"{value:.2f}".replace(".", ",")


def german(value: float) -> str:
    return f"{value:,.2f}".replace(",", "_").replace(".", ",").replace("_", ".")


def quoted(value: float) -> str:
    return f'"{value:,.2f}"'


def each(write: Callable[[int, dict[str, object]], str], top: str = "") -> Callable[[pd.DataFrame], str]:
    """One line a bar, by a function of its position and its values."""

    def text(bars: pd.DataFrame) -> str:
        records = bars.to_dict("records")
        return top + "".join(
            write(i, {str(k): v for k, v in r.items()}) + "\n" for i, r in enumerate(records)
        )

    return text


def epoch(bar: dict[str, object], unit: str = "s") -> int:
    stamp = bar["timestamp"]
    assert isinstance(stamp, pd.Timestamp)
    return int(stamp.as_unit(unit).value) // {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[unit]  # type: ignore[arg-type]


def amount(bar: dict[str, object]) -> int:
    volume = bar["volume"]
    assert isinstance(volume, float)
    return int(volume)


def turnover(bar: dict[str, object]) -> str:
    close = bar["close"]
    assert isinstance(close, float)
    return f"{amount(bar) * close:.4f}"


YF3 = "Price,Close,High,Low,Open,Volume\nTicker,TEST,TEST,TEST,TEST,TEST\nDate,,,,,"
JS = "%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)"

FORMATS = [
    Format("yfinance three header rows", DAILY, header(YF3, "t c h l o v")),
    Format("yfinance by ticker", DAILY, header(
        "Ticker,TEST,TEST,TEST,TEST,TEST,MSFT,MSFT,MSFT,MSFT,MSFT\n"
        "Price,Open,High,Low,Close,Volume,Open,High,Low,Close,Volume\nDate,,,,,,,,,,",
        "t o h l c v 9.0 9.5 8.5 9.1 77")),
    Format("yfinance by column, two tickers", DAILY, header(
        "Price,Close,Close,High,High,Low,Low,Open,Open,Volume,Volume\n"
        "Ticker,MSFT,TEST,MSFT,TEST,MSFT,TEST,MSFT,TEST,MSFT,TEST\nDate,,,,,,,,,,",
        "t 9.1 c 9.5 h 8.5 l 9.0 o 77 v")),
    Format("yfinance flattened tuples", DAILY, header(
        "Date,\"('Close', 'TEST')\",\"('High', 'TEST')\",\"('Low', 'TEST')\",\"('Open', 'TEST')\",\"('Volume', 'TEST')\"",
        "t c h l o v")),
    Format("yfinance midnight New York", DAILY, header(
        "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits", "t o h l c v 0.0 0.0", "%Y-%m-%d 00:00:00-05:00")),
    Format("yahoo page", DAILY, header(
        "Date\tOpen\tHigh\tLow\tClose*\tAdj Close**\tVolume", "t o h l c 1.5 v", "%b %d, %Y", sep="\t", down=True)),
    Format("stooq intraday", MINUTES, header(
        "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>",
        "TEST.US 1 t o h l c v 0", "%Y%m%d,%H%M%S"), interval="1m"),
    Format("alpha vantage csv", HOURLY, header(
        "timestamp,1. open,2. high,3. low,4. close,5. volume", "t o h l c v", "%Y-%m-%d %H:%M:%S", down=True),
        interval="1h"),
    Format("alpha vantage adjusted", DAILY, header(
        "timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,split_coefficient",
        "t o h l c 3.5 v 0.0000 1.0", down=True)),
    Format("polygon aggregates", HOURLY, each(
        lambda i, b: f"{amount(b)},{b['close']},{b['open']},{b['close']},{b['high']},{b['low']},{epoch(b, 'ms')},{i}",
        "v,vw,o,c,h,l,t,n\n"), interval="1h"),
    Format("polygon flat file", MINUTES, each(
        lambda i, b: f"TEST,{amount(b)},{b['open']},{b['close']},{b['high']},{b['low']},{epoch(b, 'ns')},{i}",
        "ticker,volume,open,close,high,low,window_start,transactions\n"), interval="1m"),
    Format("polygon daily midnight New York", DAILY, each(
        lambda i, b: f"{epoch(b, 'ms') + 5 * 3_600_000},{b['open']},{b['high']},{b['low']},{b['close']},{amount(b)}",
        "t,o,h,l,c,v\n")),
    Format("epochs at midnight Shanghai", DAILY, each(
        lambda i, b: f"{epoch(b) - 8 * 3600},{b['open']},{b['high']},{b['low']},{b['close']},{amount(b)}",
        "time,open,high,low,close,volume\n")),
    Format("tradingview", HOURLY, each(
        lambda i, b: f"{epoch(b)},{b['open']},{b['high']},{b['low']},{b['close']},{amount(b)},{b['close']}",
        "time,open,high,low,close,Volume,Volume MA\n"), interval="1h"),
    Format("tradingview iso", HOURLY, header("time,open,high,low,close,Volume", "t o h l c v", "%Y-%m-%dT%H:%M:%SZ"),
           interval="1h"),
    Format("nse bhavcopy history", DAILY, header(
        '"Date ","series ","OPEN ","HIGH ","LOW ","PREV. CLOSE ","ltp ","close ","vwap ","52W H","52W L ","VOLUME ","VALUE ","No of trades "',
        '"t" "EQ" o h l "1.23" "2.34" c "3.45" "999.00" "0.50" v "12,345.60" "321"', "%d-%b-%Y", down=True, number=quoted)),
    Format("wsj", DAILY, header("Date, Open, High, Low, Close, Volume", "t o h l c v", "%m/%d/%y", sep=", ", down=True)),
    Format("nasdaq", DAILY, header(
        "Date,Close/Last,Volume,Open,High,Low", "t c v o h l", "%m/%d/%Y", number=lambda x: f"${x:.2f}", down=True)),
    Format("dukascopy utc", HOURLY, header(
        "Gmt time,Open,High,Low,Close,Volume", "t o h l c v", "%d.%m.%Y %H:%M:%S.000"), interval="1h", zone="Asia/Tokyo"),
    Format("dukascopy local", HOURLY, lambda bars: header(
        "Local time,Open,High,Low,Close,Volume", "t o h l c v", "%d.%m.%Y %H:%M:%S.000 GMT+0100")(
        bars.assign(timestamp=bars["timestamp"] + pd.Timedelta("1h"))), interval="1h"),
    Format("histdata metatrader", MINUTES, lambda b: rows(b, "t o h l c v", "%Y.%m.%d,%H:%M"), interval="1m"),
    Format("histdata generic ascii", MINUTES, lambda b: rows(b, "t o h l c v", "%Y%m%d %H%M%S", sep=";"), interval="1m"),
    Format("ninjatrader", MINUTES, lambda b: rows(b, "t o h l c v", "%Y%m%d %H%M%S", sep=";"), interval="1m"),
    Format("tradestation", MINUTES, header(
        '"Date","Time","Open","High","Low","Close","Up","Down"', "t o h l c 5 6", "%m/%d/%Y,%H:%M"), interval="1m", volume=False),
    Format("metastock ascii", MINUTES, header(
        "<TICKER>,<DTYYYYMMDD>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>", "TEST t o h l c v", "%Y%m%d,%H%M%S"), interval="1m"),
    Format("metatrader 5 daily", DAILY, header(
        "<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>", "t o h l c v 0 3", "%Y.%m.%d", sep="\t")),
    Format("metatrader in utf-16", HOURLY, header(
        "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>", "t o h l c v 0 3",
        "%Y.%m.%d\t%H:%M:%S", sep="\t"), interval="1h", encoding="utf-16"),
    Format("finam", HOURLY, header(
        "<TICKER>;<PER>;<DATE>;<TIME>;<OPEN>;<HIGH>;<LOW>;<CLOSE>;<VOL>", "TEST 60 t o h l c v", "%d/%m/%y;%H:%M", sep=";"),
        interval="1h"),
    Format("forexite", MINUTES, header("<TICKER>,<DTYYYYMMDD>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>", "TEST t o h l c",
           "%Y%m%d,%H%M%S"), interval="1m", volume=False),
    Format("investing.com german", DAILY, header(
        '"Datum","Zuletzt","Eröffn.","Hoch","Tief","Vol.","+/- %"', '"t" c o h l "" "0,12%"', "%d.%m.%Y",
        number=lambda x: f'"{german(x)}"', down=True), volume=False),
    Format("investing.com russian", COIN, header(
        '"Дата","Цена","Откр.","Макс.","Мин.","Объём","Изм. %"', '"t" c o h l v "0,12%"', "%d.%m.%Y",
        number=lambda x: f'"{german(x)}"', down=True)),
    Format("investing.com polish", DAILY, header(
        '"Data","Ostatnio","Otwarcie","Max.","Min.","Wol.","Zmiana%"', '"t" c o h l "" "0,12%"', "%d.%m.%Y",
        number=lambda x: f'"{german(x)}"', down=True), volume=False),
    Format("investing.com korean", DAILY, header(
        '"날짜","종가","시가","고가","저가","거래량","변동 %"', '"t" c o h l v "0.12%"', "%Y- %m- %d", number=quoted, down=True)),
    Format("investing.com japanese", DAILY, header(
        '"日付け","終値","始値","高値","安値","出来高","変化率 %"', '"t" c o h l v "0.12%"', "%Y年%m月%d日", number=quoted, down=True)),
    Format("investing.com spanish", DAILY, header(
        '"Fecha","Último","Apertura","Máximo","Mínimo","Vol.","% var."', '"t" c o h l v "0,12%"', "%d.%m.%Y",
        number=lambda x: f'"{german(x)}"', down=True)),
    Format("investing.com french", DAILY, header(
        '"Date","Dernier","Ouv."," Plus Haut","Plus Bas","Vol.","Variation %"', '"t" c o h l v "0,12%"', "%d/%m/%Y",
        number=lambda x: f'"{german(x)}"', down=True)),
    Format("investing.com italian", DAILY, header(
        '"Data","Ultimo","Apertura","Massimo","Minimo","Vol.","Var. %"', '"t" c o h l v "0,12%"', "%d.%m.%Y",
        number=lambda x: f'"{german(x)}"', down=True)),
    Format("investing.com portuguese", DAILY, header(
        '"Data","Último","Abertura","Máxima","Mínima","Vol.","Var%"', '"t" c o h l v "0,12%"', "%d.%m.%Y",
        number=lambda x: f'"{german(x)}"', down=True)),
    Format("investing.com chinese", DAILY, header(
        '"日期","收盘","开盘","高","低","交易量","涨跌幅"', '"t" c o h l v "0.12%"', "%Y-%m-%d", number=quoted, down=True)),
    Format("german portal in latin-1", DAILY, header(
        "Datum;Eröffnung;Hoch;Tief;Schluss;Volumen", "t o h l c v", "%d.%m.%Y", sep=";", number=comma, down=True),
        encoding="cp1252"),
    Format("polish portal in latin-2", DAILY, header(
        "Data;Otwarcie;Najwyższy;Najniższy;Zamknięcie;Wolumen", "t o h l c v", sep=";", number=comma), encoding="iso8859_2"),
    Format("russian portal in cp1251", DAILY, header(
        "Дата;Открытие;Максимум;Минимум;Закрытие;Объем", "t o h l c v", "%d.%m.%Y", sep=";", number=comma), encoding="cp1251"),
    Format("korean portal in cp949", DAILY, header(
        "일자,종가,대비,등락률,시가,고가,저가,거래량,거래대금,시가총액", "t c 1 0.5 o h l v 123456789 999", "%Y/%m/%d", down=True),
        encoding="cp949"),
    Format("japanese portal in shift-jis", DAILY, header(
        "日付,始値,高値,安値,終値,出来高,終値調整値", "t o h l c v 1.5", "%Y/%m/%d", down=True), encoding="shift_jis"),
    Format("tushare", DAILY, header(
        "ts_code,trade_date,open,high,low,close,pre_close,change,pct_chg,vol,amount",
        "000001.SZ t o h l c 5 0.1 0.2 v 123.4", "%Y%m%d", down=True), ticker="000001.SZ"),
    Format("akshare", DAILY, header(
        "日期,股票代码,开盘,收盘,最高,最低,成交量,成交额,振幅,涨跌幅,涨跌额,换手率", "t 000001 o c h l v 1.5 1 2 3 4"),
        ticker="000001"),
    Format("netease in gbk", DAILY, header(
        "日期,股票代码,名称,收盘价,最高价,最低价,开盘价,前收盘,涨跌额,涨跌幅,成交量,成交金额", "t '600000 浦发 c h l o 1 2 3 v 99",
        down=True), ticker="600000.SS", encoding="gb18030"),
    Format("binance with header", HOURLY, each(
        lambda i, b: f"{epoch(b, 'ms')},{b['open']},{b['high']},{b['low']},{b['close']},{amount(b)},"
        f"{epoch(b, 'ms') + 3_599_999},{turnover(b)},{i},{amount(b) / 2},{i},0",
        "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore\n"),
        interval="1h"),
    Format("binance through pandas", HOURLY, each(
        lambda i, b: f"{epoch(b, 'ms')},{b['open']},{b['high']},{b['low']},{b['close']},{amount(b)},"
        f"{epoch(b, 'ms') + 3_599_999},{turnover(b)},{i},{amount(b) / 2},{i},0", "0,1,2,3,4,5,6,7,8,9,10,11\n"), interval="1h"),
    Format("kraken with vwap", HOURLY, each(
        lambda i, b: f"{epoch(b)},{b['open']},{b['high']},{b['low']},{b['close']},{b['close']},{amount(b)},{i}"), interval="1h"),
    Format("cryptodatadownload", HOURLY, each(
        lambda i, b: f"{epoch(b, 'ms' if i % 2 else 's')},{b['timestamp']},BTC/USDT,{b['open']},{b['high']},{b['low']},{b['close']},"
        f"{amount(b)},{turnover(b)},{i}",
        "https://www.CryptoDataDownload.com\nunix,date,symbol,open,high,low,close,Volume BTC,Volume USDT,tradecount\n"),
        ticker="BTC-USDT", interval="1h"),
    Format("cryptodatadownload AM PM", HOURLY, header(
        "Date,Symbol,Open,High,Low,Close,Volume ETH,Volume BTC", "t ETHBTC o h l c v 7", "%Y-%m-%d %I-%p", down=True),
        ticker="ETHBTC", interval="1h"),
    Format("coinbase candles", HOURLY, each(
        lambda i, b: f"{epoch(b)},{b['low']},{b['high']},{b['open']},{b['close']},{amount(b)}", "time,low,high,open,close,volume\n"),
        interval="1h"),
    Format("bitstamp kaggle", MINUTES, each(
        lambda i, b: f"{epoch(b)},{b['open']},{b['high']},{b['low']},{b['close']},{amount(b)},{turnover(b)},{b['close']}",
        "Timestamp,Open,High,Low,Close,Volume_(BTC),Volume_(Currency),Weighted_Price\n"), interval="1m", ticker="BTCUSD"),
    Format("coinmarketcap", COIN, header(
        'timeOpen;timeClose;timeHigh;timeLow;name;open;high;low;close;volume;marketCap;timestamp',
        't t t t 2781 o h l c v 1.5 t', '"%Y-%m-%dT00:00:00.000Z"', sep=";", down=True)),
    Format("tiingo", DAILY, header(
        "date,close,high,low,open,volume,adjClose,adjHigh,adjLow,adjOpen,adjVolume,divCash,splitFactor",
        "t c h l o v 1 1.2 0.9 1.1 5 0.0 1.0", "%Y-%m-%dT00:00:00+00:00")),
    Format("eodhd", DAILY, header("Date,Open,High,Low,Close,Adjusted_close,Volume", "t o h l c 1.5 v")),
    Format("quantmod", DAILY, header(
        '"","TEST.Open","TEST.High","TEST.Low","TEST.Close","TEST.Volume","TEST.Adjusted"', '"t" o h l c v 1.5')),
    Format("R row names", DAILY, each(
        lambda i, b: f'"{i + 1}",{b["timestamp"]:%Y-%m-%d},{b["open"]},{b["high"]},{b["low"]},{b["close"]},{amount(b)}',
        '"date","open","high","low","close","volume"\n')),
    Format("twse", DAILY, header(
        '"日期","成交股數","成交金額","開盤價","最高價","最低價","收盤價","漲跌價差","成交筆數"', '"t" v "9" o h l c "0.5" "3"',
        "%Y/%m/%d", number=quoted)),
    Format("oanda mid", HOURLY, header("time,volume,mid.o,mid.h,mid.l,mid.c,complete", "t v o h l c True",
           "%Y-%m-%dT%H:%M:%S.000000000Z"), interval="1h"),
    Format("fxcm bid and ask", HOURLY, header(
        "DateTime,BidOpen,BidHigh,BidLow,BidClose,AskOpen,AskHigh,AskLow,AskClose,Total Ticks",
        "t o h l c 1 1.5 0.5 1.2 v", "%m/%d/%Y %H:%M:%S"), interval="1h", volume=False),
    Format("excel with sep line", DAILY, lambda b: "sep=;\n" + header(
        "Date;Open;High;Low;Close;Volume", "t o h l c v", "%d/%m/%Y", sep=";", number=comma)(b)),
    Format("metadata above, notes below", DAILY, lambda b: "Symbol: TEST\nExported 2020-05-01\n\n" + header(
        "Date,Open,High,Low,Close,Volume", "t o h l c v")(b) + "\nData provided as is, no warranty\n,,,,,\n"),
    Format("runs of blanks", DAILY, header("Date Open High Low Close Volume", "t o h l c v", sep="   ")),
    Format("pipes", DAILY, header("DATE|OPEN|HIGH|LOW|CLOSE|VOLUME", "t o h l c v", sep="|")),
    Format("trailing comma on every row", DAILY, header("Date,Open,High,Low,Close,Volume", "t o h l c v ")),
    Format("thinkorswim export", MINUTES, header("Date,Time,Open,High,Low,Close,Volume", "t o h l c v", "%m/%d/%y,%I:%M %p"),
           interval="1m"),
    Format("interactive brokers", MINUTES, header(
        ",date,open,high,low,close,volume,average,barCount", "7 t o h l c v 1.2 3", "%Y%m%d  %H:%M:%S"), interval="1m"),
    Format("javascript dates", DAILY, header("date,open,high,low,close,volume", "t o h l c v", JS)),
    Format("german month names", DAILY, lambda b: header("Datum;Erster;Hoch;Tief;Schlusskurs;Stücke", "t o h l c v", "%d. %b %Y",
           sep=";", number=german)(b).replace("Mar", "Mär")),
    Format("spreadsheet serials", DAILY, each(
        lambda i, b: f"{epoch(b) // 86400 + 25569},{b['open']},{b['high']},{b['low']},{b['close']},{amount(b)}",
        "Date,Open,High,Low,Close,Volume\n")),
    Format("unknown language", DAILY, header("Ημέρα,Αρχή,Πάνω,Κάτω,Τέλος,Πλήθος", "t o h l c v")),
    Format("close first without header", DAILY, lambda b: rows(b, "t c h l o v")),
    Format("unsorted suffixes K M B", DAILY.assign(volume=[1_250_000.0, 66_320.0, 2_500_000_000.0] * 20), lambda b: each(
        lambda i, r: f"{r['timestamp']:%Y-%m-%d},{r['open']},{r['high']},{r['low']},{r['close']},{['1.25M', '66.32K', '2.5B'][i % 3]}",
        "Date,Open,High,Low,Close,Vol.\n")(b)),
    Format("prices as 1.2E+2", DAILY, header("Date,Open,High,Low,Close,Volume", "t o h l c v", number=lambda x: f"{x:.4E}")),
    Format("swiss apostrophes", COIN, header("Datum;Eröffnung;Hoch;Tief;Schluss;Volumen", "t o h l c v", "%d.%m.%Y", sep=";",
           number=lambda x: f"{x:,.2f}".replace(",", "'"))),
    Format("french blanks", COIN, header("Date;Ouverture;Haut;Bas;Clôture;Volume", "t o h l c v", "%d/%m/%Y", sep=";",
           number=lambda x: f"{x:,.2f}".replace(",", "\u202f").replace(".", ","))),
    Format("two symbols in flattened names", DAILY, header(
        "Date,Close_MSFT,Close_BRK-B,High_MSFT,High_BRK-B,Low_MSFT,Low_BRK-B,Open_MSFT,Open_BRK-B,Volume_MSFT,Volume_BRK-B",
        "t 9.1 c 9.5 h 8.5 l 9.0 o 77 v"), ticker="BRK-B"),
    Format("unit row below the header", DAILY, header(
        "Date,Open,High,Low,Close,Volume\n(date),(USD),(USD),(USD),(USD),(shares)", "t o h l c v")),
    Format("bombay", DAILY, header(
        "Date,Open Price,High Price,Low Price,Close Price,WAP,No.of Shares,No. of Trades,Total Turnover (Rs.),Deliverable Quantity,% Deli. Qty to Traded Qty,Spread High-Low,Spread Close-Open",
        "t o h l c 1.5 v 7 9 5 50.2 0.1 0.2 ", "%d-%B-%Y", down=True)),
    Format("nse full bhavcopy", DAILY, header(
        "SYMBOL, SERIES, DATE1, PREV_CLOSE, OPEN_PRICE, HIGH_PRICE, LOW_PRICE, LAST_PRICE, CLOSE_PRICE, AVG_PRICE, TTL_TRD_QNTY, TURNOVER_LACS",
        "TEST EQ t 1.5 o h l h c 1.2 v 3.4", "%d-%b-%Y", sep=", ")),
    Format("nse unified bhavcopy", DAILY, header(
        "TradDt,FinInstrmTp,ISIN,TckrSymb,SctySrs,OpnPric,HghPric,LwPric,ClsPric,LastPric,PrvsClsgPric,SttlmPric,TtlTradgVol,TtlTrfVal",
        "t STK INE002A01018 TEST EQ o h l c h l c v 9.5")),
    Format("settlement beside the last trade", DAILY, header(
        "Date,Open,High,Low,Last,Change,Settle,Volume,Previous Day Open Interest", "t o h l l 0.25 c v 900.0", down=True)),
    Format("euronext", DAILY, lambda b: '"Historical Data"\n"NL0000000000"\n' + header(
        'Date;Open;High;Low;Last;Close;"Number of Shares";Turnover;vwap', "t o h l l c v 9 1.5", "%d/%m/%Y", sep=";")(b)),
    Format("borsa italiana", DAILY, header(
        "Data;Prezzo di apertura;Prezzo di chiusura;Prezzo massimo;Prezzo minimo;Quantità", "t o c h l v", "%d/%m/%Y", sep=";",
        number=comma)),
    Format("brazilian words", DAILY, header(
        "Data;Preço de Abertura;Preço Máximo;Preço Mínimo;Preço de Fechamento;Quantidade", "t o h l c v", "%d/%m/%Y", sep=";",
        number=comma), encoding="cp1252"),
    Format("the day's prices", DAILY, header(
        "Date,Previous Close,Day's Open,Day's High,Day's Low,Today's Close,No. of Shares Traded", "t 1 o h l c v")),
    Format("volume before the prices, no header", HOURLY, each(
        lambda i, b: f"{epoch(b)},{amount(b)},{b['close']},{b['high']},{b['low']},{b['open']}"), interval="1h"),
    Format("volume of the day so far beside the bar's", MINUTES, lambda b: each(
        lambda i, r: f"{r['timestamp']},{r['high']},{r['low']},{r['open']},{r['close']},{int(b['volume'][:i + 1].sum())},{amount(r)},3")(b),
        interval="1m"),
    Format("iqfeed with a header", MINUTES, lambda b: each(
        lambda i, r: f"{r['timestamp']},{r['high']},{r['low']},{r['open']},{r['close']},{int(b['volume'][:i + 1].sum())},{amount(r)}",
        "TimeStamp,High,Low,Open,Close,TotalVolume,PeriodVolume\n")(b), interval="1m"),
    Format("units in a column called amount", HOURLY, each(
        lambda i, b: f"{epoch(b)},{b['open']},{b['close']},{b['low']},{b['high']},{amount(b)},{turnover(b)},{i}",
        "id,open,close,low,high,amount,vol,count\n"), interval="1h"),
    Format("deribit", HOURLY, each(
        lambda i, b: f"{epoch(b, 'ms')},{amount(b)},{b['open']},{b['low']},{b['high']},{turnover(b)},{b['close']}",
        "ticks,volume,open,low,high,cost,close\n"), interval="1h"),
    Format("first trade beside the period's start", HOURLY, header(
        "time_period_start;time_period_end;time_open;time_close;price_open;price_high;price_low;price_close;volume_traded;trades_count",
        "t t t t o h l c v 7", "%Y-%m-%dT%H:%M:%S.0000000Z", sep=";"), interval="1h"),
    Format("last trade beside the period's start", HOURLY, each(
        lambda i, b: f"KRW-BTC,{b['timestamp']:%Y-%m-%dT%H:%M:%S},{pd.Timestamp(epoch(b) + 32_400, unit='s'):%Y-%m-%dT%H:%M:%S},{b['open']},{b['high']},"
        f"{b['low']},{b['close']},{epoch(b, 'ms') + 3_599_000 - i},{turnover(b)},{amount(b)}",
        "market,candle_date_time_utc,candle_date_time_kst,opening_price,high_price,low_price,trade_price,timestamp,"
        "candle_acc_trade_price,candle_acc_trade_volume\n"), interval="1h", ticker="KRW-BTC"),
    Format("finam with six-digit dates", MINUTES, header(
        "<TICKER>;<PER>;<DATE>;<TIME>;<OPEN>;<HIGH>;<LOW>;<CLOSE>;<VOL>", "TEST 1 t o h l c v", "%y%m%d;%H%M", sep=";"),
        interval="1m"),
    Format("six digits, day first", DAILY, header("<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>", "t 000000 o h l c v", "%d%m%y")),
    Format("taiwan's years", DAILY, lambda b: '"109年01月 2330 各日成交資訊"\n' + each(
        lambda i, r: f'"{r["timestamp"].year - 1911}/{r["timestamp"]:%m/%d}","{amount(r):,}","9","{r["open"]}","{r["high"]}","{r["low"]}","{r["close"]}","0.5","3",',  # type: ignore[attr-defined]
        '"日期","成交股數","成交金額","開盤價","最高價","最低價","收盤價","漲跌價差","成交筆數",\n')(b), ticker="2330.TW", encoding="big5"),
    Format("month names unquoted before commas", DAILY, header("TIME,OPEN,HIGH,LOW,CLOSE,VOLUME", "t o h l c v", "%b %d, %Y")),
    Format("dates as spreadsheet texts", DAILY, header("Date,Open,High,Low,Close,Volume", "t o h l c v", '="%Y-%m-%d"')),
    Format("rupees", DAILY, header("Date,Open,High,Low,Close,Volume", "t o h l c v", number=lambda x: f"Rs. {x}")),
    Format("unknown names but the date's", DAILY, header("Date,Aa,Bb,Cc,Dd,Ee", "t o h l c v")),
]  # fmt: skip


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_the_format_reads_back_exactly(form: Format, tmp_path: Path) -> None:
    text = form.write(form.bars)
    table = read_text(
        tmp_path, text.encode(form.encoding), ticker=form.ticker, interval=form.interval, zone=form.zone
    )
    assert_same(table, form.bars, volume=form.volume)


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_lines_are_the_physical_ones(form: Format, tmp_path: Path) -> None:
    text = form.write(form.bars)
    table = read_text(
        tmp_path, text.encode(form.encoding), ticker=form.ticker, interval=form.interval, zone=form.zone
    )
    lines = text.splitlines()
    first = (
        len(lines)
        - sum(1 for line in lines[-3:] if "provided" in line or line in (",,,,,", ""))
        - len(form.bars)
        + 1
    )
    assert table.frame["line"].tolist() == list(range(first, first + len(form.bars)))
