"""The exported model: what it computes, and what its files hold."""
