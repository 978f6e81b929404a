/* The prompt of llm-run: text from the command line or a file, or ids as they are. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libinfer/sample_text.h>

#include "llm_run.h"

/* "1,2,3" (white space allowed) to ids. */
static bool parse_ids(const char *text, struct infer_tokens *out, struct fmt_err *err)
{
	size_t cap = 1;
	const char *at = text;

	for (const char *c = text; *c; c++)
		cap += *c == ',';
	out->ids = malloc(cap * sizeof *out->ids);
	if (!out->ids)
		return fmt_fail_nomem(err, cap * sizeof *out->ids);
	out->cap = cap;
	for (;;) {
		char *end;
		long id;

		errno = 0;
		id = strtol(at, &end, 10);
		if (end == at || errno || id < 0 || id > INT32_MAX)
			return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "no token id at '%.20s' (write 1,2,3)",
			                at);
		out->ids[out->n++] = (int32_t)id;
		at = end + strspn(end, " \t\r\n");
		if (!*at)
			return true;
		if (*at++ != ',')
			return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "no comma at '%.20s' (write 1,2,3)",
			                at - 1);
	}
}

/* A conversation's text has its own special tokens: nothing is added. */
static bool chat_ids(const struct options *o, const struct loaded *l, struct infer_tokens *out, struct fmt_err *err)
{
	char *text = NULL;
	size_t n;
	bool ok = chat_text(&o->chat, (struct fmt_str){ o->text, o->text_bytes }, l->view->path, true, &text, &n, err) &&
	          infer_tokenize(l->tokenizer, text, n, INFER_TOK_PARSE_SPECIAL, out, err);

	free(text);
	return ok;
}

bool uses_sample(const struct options *o)
{
	return o->compare && !o->prompt && !o->file && !o->chat.file && !o->ids;
}

bool prompt_ids(const struct options *o, const struct loaded *l, struct infer_tokens *out, struct fmt_err *err)
{
	/* llama-perplexity reads "<s>" in a text as three letters */
	bool letters = o->perplexity && (!o->method || !strcmp(o->method, "llama.cpp"));
	unsigned flags = (letters ? 0 : INFER_TOK_PARSE_SPECIAL) | (o->no_special ? 0 : INFER_TOK_ADD_SPECIAL);
	struct fmt_str text = uses_sample(o) ? infer_sample_text()
	                      : o->file      ? (struct fmt_str){ o->text, o->text_bytes }
	                                     : (struct fmt_str){ o->prompt, o->prompt ? strlen(o->prompt) : 0 };
	bool ok;

	if (o->ids)
		return parse_ids(o->ids, out, err);
	if (o->chat.file)
		ok = chat_ids(o, l, out, err);
	else if (o->as_ids)
		ok = parse_ids(text.p, out, err);
	else
		ok = infer_tokenize(l->tokenizer, text.p, text.n, flags, out, err);
	if (ok && !out->n)
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET,
		                "the prompt is empty, and the model adds no token to it");
	return ok;
}
