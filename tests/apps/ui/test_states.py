from apps.ui.states import plain


def test_what_a_file_holds_is_never_markup() -> None:
    assert plain("<b>*x*</b> [a](b)") == r"\<b\>\*x\*\<\/b\> \[a\]\(b\)"
    assert plain(":red[x] $y$ _z_") == r"\:red\[x\] \$y\$ \_z\_"


def test_commands_stay_code() -> None:
    assert plain("run `tickerflow up`, or wait") == r"run `tickerflow up`\, or wait"
    assert plain("a ` alone") == r"a \` alone"
