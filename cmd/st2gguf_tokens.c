/* Whether the keys of the output say all of the tokenizer. llm-mem asks too, since tokenizer.json takes its bytes. */
#include <libinfer/tok_check.h>

#include "st2gguf.h"

static bool note(struct fmt_view *v, const struct infer_tok_check *check, struct fmt_err *err)
{
	for (uint32_t i = 0; i < check->n_notes; i++)
		if (!fmt_view_note(v, err, "llama.cpp will differ: %s", check->notes[i]))
			return false;
	return true;
}

/* The comparison. What has no explanation is an error, unless tokenizer.json goes along anyway. */
static bool check_keys(struct fmt_view *v, enum st2gguf_embed when, bool pre_given, struct infer_tok_check *check,
                       struct fmt_err *err)
{
	struct fmt_err found = { 0 };

	if (infer_tok_check(v, pre_given, check, &found))
		return note(v, check, err);
	if (found.code != FMT_MISMATCH) {
		*err = found;
		return false;
	}
	if (when == ST2GGUF_EMBED_ALWAYS)
		return fmt_view_note(v, err, "llama.cpp will differ: %s", found.msg);
	fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "%s (--embed-tokenizer always converts it all the same; llama.cpp will then "
	         "give other ids)", found.msg);
	fmt_err_file(err, v->path);
	return false;
}

bool st2gguf_tokens(struct fmt_view *v, enum st2gguf_embed when, bool pre_given, struct fmt_err *err)
{
	struct infer_tok_check check = { 0 };

	if (v->from_dir && v->tokenizer_json.n && fmt_view_get(v, "tokenizer.ggml.model") &&
	    !check_keys(v, when, pre_given, &check, err))
		return false;
	if (when == ST2GGUF_EMBED_ALWAYS)
		return fmt_view_embed_tokenizer(v, err);
	if (when == ST2GGUF_EMBED_NEVER || !check.differs)
		return true;
	return fmt_view_note(v, err, "tokenizer.json goes along, so that ids here stay those of '%s' (--embed-tokenizer never leaves "
	                     "it out)", v->path) && fmt_view_embed_tokenizer(v, err);
}
