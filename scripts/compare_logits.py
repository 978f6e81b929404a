"""compare_logits.py FOLDER: compares FOLDER/NAME.{dir,gguf}.safetensors with FOLDER/NAME.safetensors for each NAME.ids;
exit status 1 if any differs."""
import glob
import os
import sys

import torch
from safetensors.torch import load_file

TOLERANCE = 2e-4


def main(folder):
    bad = n = 0
    for path in sorted(glob.glob(os.path.join(folder, "*.ids"))):
        model = path[:-len(".ids")]
        want = load_file(model + ".safetensors")
        for side in ("dir", "gguf"):
            got = load_file("%s.%s.safetensors" % (model, side))
            worst = (got["logits"] - want["logits"]).abs().max().item()
            same = bool((got["logits"].argmax(1) == want["logits"].argmax(1)).all())
            ok = torch.equal(got["ids"], want["ids"]) and worst <= TOLERANCE and same
            bad += not ok
            n += 1
            print("%-20s %-5s largest difference %.1e of %.1f, argmax %s%s" % (
                os.path.basename(model), side, worst, want["logits"].abs().max().item(), "equal" if same else "DIFFERS",
                "" if ok else "   FAILED"))
    print("%d comparisons, %d failed" % (n, bad))
    sys.exit(1 if bad or not n else 0)


main(sys.argv[1])
