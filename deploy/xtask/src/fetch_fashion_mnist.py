"""Downloads Fashion-MNIST from its public home into the folder given; every file must have its published MD5."""
import hashlib, http.client, pathlib, sys, urllib.request

HOME = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
MD5 = {
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}

for name, md5 in MD5.items():
    try:
        with urllib.request.urlopen(HOME + name, timeout=60) as reply:
            packed = reply.read()
    except (OSError, http.client.HTTPException) as error:
        sys.exit(f"cannot download {HOME}{name}: {error}")
    if hashlib.md5(packed).hexdigest() != md5:
        sys.exit(f"{HOME}{name} does not have the published MD5 {md5}")
    (pathlib.Path(sys.argv[1]) / name).write_bytes(packed)
