"""The door for a CSV or Parquet file: `tuner study table --data houses.csv --target price`."""
