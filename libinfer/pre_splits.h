/* What the names in tokenizer.ggml.pre mean. */
#ifndef LIBINFER_PRE_SPLITS_H
#define LIBINFER_PRE_SPLITS_H

#include <libfmt/model.h>

#define PRE_SPLITS_MAX_PATTERNS 6

struct pre_splits {
	const char *patterns[PRE_SPLITS_MAX_PATTERNS + 1]; /* expressions, applied one after the other; NULL at the end */
	bool ignore_merges; /* a whole split that is a token is taken before merging */
	bool add_bos;       /* unless the file says otherwise */
};

/* NULL if llama.cpp knows no such name, or this program does not know its splits. */
const struct pre_splits *pre_splits_find(struct fmt_str name);

#endif
