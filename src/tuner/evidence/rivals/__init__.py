"""Other kinds of models on the same table, in case one of them does better than the network.

`models` are those of scikit-learn, with the settings that are tried, and `realmlp` one more where
pytabkit is installed. They are `trained` on the rows that the network had.
"""
