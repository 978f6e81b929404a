"""The text of a shared model's validation ids: validation_text.py MODEL_DIR OUT."""
import sys

from safetensors import safe_open
from tokenizers import Tokenizer

ids = safe_open(sys.argv[1] + '/golden/golden.safetensors', 'pt').get_tensor('val_ids').tolist()
with open(sys.argv[2], 'w') as f:
    f.write(Tokenizer.from_file(sys.argv[1] + '/tokenizer.json').decode(ids))
