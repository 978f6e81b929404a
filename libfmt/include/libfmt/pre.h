/* What the names in tokenizer.ggml.pre mean: how byte-level BPE cuts text before merging. The one table for both ways:
 * a GGUF's name to expressions, and tokenizer.json's expressions to a name. */
#ifndef LIBFMT_PRE_H
#define LIBFMT_PRE_H

#include <libfmt/model.h>

#define FMT_PRE_MAX_PATTERNS 6

struct fmt_pre {
	const char *patterns[FMT_PRE_MAX_PATTERNS + 1]; /* expressions, applied one after the other; NULL at the end */
	bool ignore_merges; /* a whole split that is a token is taken before merging */
	bool add_bos;       /* unless the file says otherwise */
	bool plain;         /* no alphabet of bytes: spaces become U+2581, what is no token <0xNN> */
	bool newlines;      /* a run of line feeds that is a token is taken before merging; BOS whatever the file says */
	const char *approximate; /* in which texts llama.cpp cuts otherwise, having no word for part of the expressions; or NULL */
};

/* The row of a name; NULL if llama.cpp knows no such name, or its splits are not described here. Any thread.
 * Source: llama.cpp of August 2026 for the names, the models' own tokenizer.json for the expressions. */
const struct fmt_pre *fmt_pre_find(struct fmt_str name);

#endif
