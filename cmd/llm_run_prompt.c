/* The prompt of llm-run: text from the command line or a file, or ids as they are. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "llm_run.h"

/* The contents of a file, or of standard input for "-"; malloc'ed. */
static char *read_text(const char *path, size_t *n, struct fmt_err *err)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "rb") : stdin;
	size_t cap = 65536, got = 1;
	char *text = f ? malloc(cap) : NULL;

	*n = 0;
	while (text && (got = fread(text + *n, 1, cap - *n, f)) > 0) {
		char *larger;

		*n += got;
		if (*n < cap)
			continue;
		larger = cap > SIZE_MAX / 2 ? NULL : realloc(text, cap *= 2);
		if (!larger)
			free(text);
		text = larger;
	}
	if (!f || ferror(f)) {
		fmt_fail_errno(err, errno, "cannot read");
		free(text);
		text = NULL;
	} else if (!text) {
		fmt_fail_nomem(err, cap);
	}
	if (f && f != stdin)
		fclose(f);
	fmt_err_file(err, path);
	return text;
}

/* "1,2,3" (blanks allowed) to ids. */
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
			return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "--ids: no token id at '%.20s' (write 1,2,3)",
			                at);
		out->ids[out->n++] = (int32_t)id;
		at = end + strspn(end, " ");
		if (!*at)
			return true;
		if (*at++ != ',')
			return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "--ids: no comma at '%.20s' (write 1,2,3)",
			                at - 1);
	}
}

/* The ids to run: from --ids, -f or -p. */
bool prompt_ids(const struct options *o, const struct loaded *l, struct infer_tokens *out, struct fmt_err *err)
{
	unsigned flags = INFER_TOK_PARSE_SPECIAL | (o->no_special ? 0 : INFER_TOK_ADD_SPECIAL);
	char *text = NULL;
	size_t n;
	bool ok;

	if (o->ids)
		return parse_ids(o->ids, out, err);
	if (o->file && !(text = read_text(o->file, &n, err)))
		return false;
	ok = infer_tokenize(l->tokenizer, text ? text : o->prompt, text ? n : strlen(o->prompt), flags, out, err);
	free(text);
	if (ok && !out->n)
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET,
		                "the prompt is empty, and the model adds no token to it");
	return ok;
}
