"""The dashboard: what the HTTP service knows, as pages.

``streamlit run apps/dashboard.py``; ``TICKERFLOW_API_URL`` names the service.
"""
