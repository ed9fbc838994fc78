"""`tickerflow up`: every part of Tickerflow on this machine, started, watched and stopped as one."""
