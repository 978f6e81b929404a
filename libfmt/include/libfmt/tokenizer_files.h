/* The tokenizer of a directory, whatever files it has it in, as the text of a tokenizer.json. No config.json is needed. */
#ifndef LIBFMT_TOKENIZER_FILES_H
#define LIBFMT_TOKENIZER_FILES_H

#include <libfmt/model.h>

struct fmt_tokenizer_files {
	struct fmt_str json; /* tokenizer.json, or made of tokenizer.model (SentencePiece or tiktoken), a .tiktoken file, or vocab.json
	                        with merges.txt and the files beside them; empty if there is none of these */
	struct fmt_tokenizer_files_impl *impl;
};

/* pre: how byte-level BPE cuts text, a name of <libfmt/pre.h>, where the files do not say it; NULL: by the class of the
 * tokenizer or the size of the vocabulary.
 * returns NULL with *err set: a file is malformed, or does not say enough. fmt_tokenizer_files_close takes NULL */
struct fmt_tokenizer_files *fmt_tokenizer_files_open(const char *dir, const char *pre, struct fmt_err *err);
void fmt_tokenizer_files_close(struct fmt_tokenizer_files *f);

#endif
