"""Train finished trials again, and compare with what is stored."""
