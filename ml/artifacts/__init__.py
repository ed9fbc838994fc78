"""The only writer of saved_models/: what is promoted, how it is stored, and that it is what it says."""
