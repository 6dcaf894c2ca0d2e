"""The place of bundles and of the dashboard's files: a folder on any disk, or S3.

These files keep growing and people want to keep them, so only they can be moved elsewhere; reports,
caches and the database stay in the storage folder. `tuner files PLACE` moves them and records the
place in the storage folder (`files.json`). So every command and the service find them without an
option, and no command looks in a wrong place because an option was forgotten.

In a folder, a bundle is a folder that is moved in as a whole. In S3, each bundle is one object: the
ZIP file without compression that the service also serves for download. S3 shows an object
completely or not at all, and replaces it in the same way. So however an upload ends, no reader sees
half of a bundle, or the weights of one with the manifest of another. A bundle is first made in the
storage folder and removed there once it has been uploaded: if an upload fails, it is still there,
and `tuner files PLACE` uploads it again.

The library reads credentials for S3 as every program for AWS does (the environment, `~/.aws`). They
are in no URL, option, database or message. S3 is accessed with `fsspec` and `s3fs`; other file
systems of `fsspec` are refused, because none of them is tested here.
"""
