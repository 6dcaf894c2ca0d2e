"""Saved models (bundles), and predictions with them."""
