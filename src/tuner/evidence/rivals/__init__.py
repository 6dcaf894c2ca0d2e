"""Other kinds of models on the same table, to see whether one does better than the network.

`models` defines those of scikit-learn with the settings to try, and `realmlp` one more, if pytabkit
is installed. `trained` trains them on the network's rows.
"""
