"""Where bundles, and the files of the dashboard, are kept: a folder on any disk, or S3.

They are what grows without end and what people want to keep, so they alone can lie elsewhere;
reports, caches and the database stay in the storage folder. `tuner files PLACE` moves them and
notes the place in the storage folder (`files.json`): every command and the service then find them
without being told, and no command can look for them in a wrong place by a forgotten option.

In a folder, a bundle is a folder that is moved in as a whole. In S3, each bundle is one object: the
ZIP file without compression that the service gives out as well. S3 shows an object whole or not at
all, and replaces it in the same way, so no reader ever meets half of a bundle, or the weights of
one with the manifest of another, however an upload ends. A bundle is made in the storage folder
first and removed there once it has arrived: where an upload fails, it is still there, and
`tuner files PLACE` sends it again.

Names and keys for S3 are read as every program for AWS reads them (the environment, `~/.aws`), by
the library. They are in no URL, option, database or message. `fsspec` was chosen
for S3, with `s3fs`; other file systems of it are refused, as none of them is tested here.
"""
