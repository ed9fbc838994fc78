"""What a ticker says about where it trades: suffixes of exchanges, currency pairs, coins."""

import re

DEFAULT_EXCHANGE = "XNYS"

# Suffixes of Yahoo, Stooq, Reuters and the Chinese vendors, by exchange_calendars code.
_SUFFIXES = {
    "AIXK": "KZ",
    "ASEX": "AT",
    "BVMF": "SA",
    "CMES": "CME CBT CMX NYM XCME XCBT XCEC XNYM",
    "XAMS": "AS",
    "XASX": "AX AU",
    "XBKK": "BK",
    "XBOG": "CL",
    "XBOM": "NS BO IN",
    "XBRU": "BR",
    "XBUD": "BD HU",
    "XBUE": "BA",
    "XCSE": "CO",
    "XDUB": "IR",
    "XDUS": "DU",
    "XETR": "DE MU HA XETRA",
    "XFRA": "F",
    "XHAM": "HM",
    "XHEL": "HE",
    "XHKG": "HK",
    "XICE": "IC",
    "XIDX": "JK",
    "XIST": "IS",
    "XJSE": "JO",
    "XKAR": "KA",
    "XKLS": "KL",
    "XKRX": "KS KQ KR",
    "XLIM": "LM",
    "XLIS": "LS",
    "XLIT": "VS",
    "XLON": "L IL UK",
    "XMAD": "MC",
    "XMEX": "MX",
    "XMIL": "MI",
    "XMOS": "ME",
    "XNYS": "US O OQ",
    "XNZE": "NZ",
    "XOSL": "OL",
    "XPAR": "PA FR NX",
    "XPHS": "PS",
    "XPRA": "PR",
    "XRIS": "RG",
    "XSAU": "SR",
    "XSES": "SI",
    "XSGO": "SN",
    "XSHG": "SS SH SZ BJ",
    "XSTO": "ST",
    "XSTU": "SG",
    "XSWX": "SW",
    "XTAE": "TA",
    "XTAI": "TW TWO",
    "XTAL": "TL",
    "XTKS": "T JP",
    "XTSE": "TO V CN NE",
    "XWAR": "WA PL",
    "XWBO": "VI",
}
_EXCHANGE_OF = {suffix: code for code, suffixes in _SUFFIXES.items() for suffix in suffixes.split()}

# Six digits are a Chinese or Korean code, four or five one of Tokyo, Hong Kong or Taipei.
_BARE_DIGITS = {6: ("XSHG", "XKRX"), 5: ("XHKG",), 4: ("XTKS", "XHKG", "XTAI")}

# fmt: off
_CURRENCIES = frozenset((
    "USD", "EUR", "JPY", "GBP", "CHF", "AUD", "NZD", "CAD", "SEK", "NOK", "DKK", "ISK", "PLN", "CZK",
    "HUF", "RON", "BGN", "TRY", "RUB", "ZAR", "ILS", "MXN", "BRL", "CLP", "COP", "CNY", "CNH", "HKD",
    "SGD", "TWD", "KRW", "INR", "IDR", "THB", "MYR", "PHP", "VND", "SAR", "AED", "XAU", "XAG", "XPT",
    "XPD",
))
_COINS = frozenset((
    "BTC", "XBT", "ETH", "XRP", "LTC", "BCH", "BNB", "SOL", "ADA", "DOT", "DOGE", "SHIB", "AVAX", "LINK",
    "MATIC", "POL", "UNI", "ATOM", "XLM", "XMR", "ETC", "EOS", "TRX", "XTZ", "DASH", "ZEC", "NEO",
    "NEAR", "FIL", "APT", "ARB", "OP", "SUI", "PEPE", "TON", "ICP", "ALGO", "AAVE", "MKR", "USDT",
    "USDC",
))
# fmt: on
_STABLE = ("USDT", "USDC", "BUSD", "FDUSD", "TUSD", "PERP")
_PAIR = re.compile(r"([A-Z]{3})[/_.\-]?([A-Z]{3})(?:=X|[._\-+#!A-Z][A-Z0-9._+#!]{0,5})?")


def is_currency_pair(ticker: str) -> bool:
    """Whether a ticker looks like EURUSD, EUR/USD, EURUSD=X, JPY=X, XAUUSD or EURUSD.pro."""
    name = ticker.upper().removeprefix("C:")
    if name.endswith("=X"):
        return True
    pair = _PAIR.fullmatch(name)
    return pair is not None and pair[1] in _CURRENCIES and pair[2] in _CURRENCIES


def is_coin(ticker: str) -> bool:
    """Whether a ticker looks like BTC-USD, BTCUSDT, ETHUSD, XBT/EUR or KRAKEN:ETHEUR."""
    name = ticker.upper().rpartition(":")[2]
    if name in _COINS or re.fullmatch(r"[A-Z0-9]{2,10}-USD", name):
        return True  # Yahoo writes a coin with a dash, and no stock so
    compact = re.sub(r"[^A-Z0-9]", "", name)
    if compact.endswith(_STABLE):
        return len(compact) > 5
    return any(
        compact.startswith(coin) and compact[len(coin) :] in _CURRENCIES | _COINS for coin in _COINS
    )


def exchanges_of(ticker: str) -> tuple[str, ...]:
    """Exchanges that the ticker names or suggests, the likeliest first; empty where it says nothing."""
    name, dot, suffix = ticker.upper().rpartition(".")
    if ticker.upper().endswith("=F"):
        return ("CMES",)
    if dot and name and suffix in _EXCHANGE_OF:
        return (_EXCHANGE_OF[suffix],)
    if ticker.isdecimal():
        return _BARE_DIGITS.get(len(ticker), ())
    return ()
