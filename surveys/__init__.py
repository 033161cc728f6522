"""The domain and the database: who is asked, when, and what they answered."""
