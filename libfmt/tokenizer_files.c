/* A directory's tokenizer without its model. */
#include <stdlib.h>

#include <libfmt/tokenizer_files.h>

#include "limit.h"
#include "tok_make.h"

struct fmt_tokenizer_files_impl {
	struct fmt_tokenizer_files seen;
	struct fmt_arena mem;
	struct hf_dir dir;
};

struct fmt_tokenizer_files *fmt_tokenizer_files_open(const char *dir, const char *pre, struct fmt_err *err)
{
	static const enum hf_file_id files[] = {
		HF_CONFIG, HF_TOKENIZER, HF_TOKENIZER_CONFIG, HF_ADDED_TOKENS, HF_SPECIAL_MAP, HF_TOKENIZER_MODEL, HF_VOCAB, HF_MERGES,
		HF_TIKTOKEN, HF_TEKKEN,
	};
	struct fmt_tokenizer_files_impl *f = calloc(1, sizeof *f);

	if (!f) {
		fmt_fail_nomem(err, sizeof *f);
		return NULL;
	}
	f->seen.impl = f;
	fmt_arena_init(&f->mem, LIMIT_VIEW_BYTES);
	if (hf_dir_open_files(&f->dir, &f->mem, dir, files, sizeof files / sizeof *files, err) &&
	    tok_make(&f->dir, &f->mem, pre, err)) {
		f->seen.json = f->dir.file[HF_TOKENIZER].text;
		return &f->seen;
	}
	fmt_err_file(err, dir);
	fmt_tokenizer_files_close(&f->seen);
	return NULL;
}

void fmt_tokenizer_files_close(struct fmt_tokenizer_files *seen)
{
	struct fmt_tokenizer_files_impl *f = seen ? seen->impl : NULL;

	if (!f)
		return;
	hf_dir_close(&f->dir);
	fmt_arena_finish(&f->mem);
	free(f);
}
