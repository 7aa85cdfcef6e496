"""What somebody else's client of S3 does and finds: botocore.

    client.py bucket NAME               makes a bucket
    client.py list BUCKET               size, sha256 and key of each object, a line each
    client.py put BUCKET KEY FILE
    client.py begin BUCKET KEY [FILE]   begins a multipart upload, with one part, and leaves it
    client.py uploads BUCKET            key of each unfinished upload
    client.py get URL                   of a presigned URL: status, size, sha256
"""

import hashlib
import os
import sys
import urllib.error
import urllib.request

import botocore.session
from botocore.config import Config

s3 = botocore.session.get_session().create_client(
    "s3", endpoint_url=os.environ["AWS_ENDPOINT_URL_S3"], region_name=os.environ["AWS_REGION"],
    config=Config(s3={"addressing_style": "path"}, signature_version="s3v4"))


def objects(bucket):
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        yield from page.get("Contents", [])


def main(what, *args):
    if what == "bucket":
        s3.create_bucket(Bucket=args[0])
    elif what == "list":
        for o in objects(args[0]):
            digest = hashlib.sha256()
            for part in s3.get_object(Bucket=args[0], Key=o["Key"])["Body"].iter_chunks(1 << 20):
                digest.update(part)
            print(o["Size"], digest.hexdigest(), o["Key"])
    elif what == "put":
        with open(args[2], "rb") as f:
            s3.put_object(Bucket=args[0], Key=args[1], Body=f)
    elif what == "begin":
        upload = s3.create_multipart_upload(Bucket=args[0], Key=args[1])["UploadId"]
        if len(args) > 2:
            with open(args[2], "rb") as f:
                s3.upload_part(Bucket=args[0], Key=args[1], UploadId=upload, PartNumber=1, Body=f)
    elif what == "uploads":
        for u in s3.list_multipart_uploads(Bucket=args[0]).get("Uploads", []):
            print(u["Key"])
    elif what == "get":
        try:
            with urllib.request.urlopen(args[0]) as answer:
                body = answer.read()
                print(answer.status, len(body), hashlib.sha256(body).hexdigest())
        except urllib.error.HTTPError as e:
            print(e.code)
    else:
        sys.exit(f"no command {what}")


main(*sys.argv[1:])
