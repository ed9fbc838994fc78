"""What Streamlit runs for each visitor, and again whenever something was chosen."""

from apps.ui.shell import show

if __name__ == "__main__":  # as Streamlit names the script that it runs
    show()
