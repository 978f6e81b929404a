/* Tokenizers: a tokenizer.json, a NUL byte, and a text for it. Ids must be of the vocabulary, offsets in order; in two parts
 * the text must give the same tokens, and the tokens the same text. */
#include <stdlib.h>
#include <string.h>

#include <libinfer/tokenizer.h>

#include "fuzz.h"

static void in_parts(const struct infer_tokenizer *t, const char *text, size_t n, unsigned flags,
                     const struct infer_tokens *whole)
{
	struct infer_tokens parts = { 0 };
	struct fmt_err err = { 0 };
	struct infer_encoder *e = infer_encoder_create(t, &err);
	size_t used;

	if (e && infer_encode_part(e, text, n / 2, false, flags, &parts, &used, &err) &&
	    infer_encode_part(e, text + used, n - used, true, flags, &parts, &used, &err) &&
	    (parts.n != whole->n || (parts.n && (memcmp(parts.ids, whole->ids, parts.n * sizeof *parts.ids) != 0 ||
	                                         memcmp(parts.starts, whole->starts, parts.n * sizeof *parts.starts) != 0))))
		abort();
	infer_encoder_destroy(e);
	infer_tokens_finish(&parts);
}

static void back_in_parts(const struct infer_tokenizer *t, const int32_t *ids, size_t n, bool skip, const char *whole, size_t n_whole)
{
	struct infer_decoding g = { .t = t, .skip_special = skip };
	struct fmt_err err = { 0 };
	char *first = NULL, *rest = NULL;
	size_t n_first, n_rest, used, end;

	if (infer_detokenize_part(&g, ids, n / 2, false, &first, &n_first, &used, &err) &&
	    infer_detokenize_part(&g, ids + used, n - used, true, &rest, &n_rest, &end, &err) &&
	    (n_first + n_rest != n_whole || (n_first && memcmp(first, whole, n_first) != 0) ||
	     (n_rest && memcmp(rest, whole + n_first, n_rest) != 0)))
		abort();
	free(first);
	free(rest);
}

static void use(const struct infer_tokenizer *t, const char *text, size_t n, unsigned flags)
{
	struct infer_tokens tokens = { 0 };
	struct fmt_err err = { 0 };
	char *back;
	size_t n_back;

	if (infer_tokenize(t, text, n, flags, &tokens, &err)) {
		for (uint64_t i = 0; i < tokens.n; i++)
			if (!infer_token_text(t, tokens.ids[i]).p || tokens.starts[i] > n)
				abort();
		in_parts(t, text, n, flags, &tokens);
		if (infer_detokenize(t, tokens.ids, tokens.n, flags, &back, &n_back, &err)) {
			back_in_parts(t, tokens.ids, tokens.n, flags, back, n_back);
			free(back);
		}
	}
	infer_tokens_finish(&tokens);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *json = (const char *)data, *nul = n ? memchr(json, '\0', n) : NULL;
	size_t n_json = nul ? (size_t)(nul - json) : n;
	struct fmt_err err = { 0 };
	struct infer_tokenizer *t = infer_tokenizer_from_json(json, n_json, &err);

	if (!t) {
		if (!err.code || !err.msg[0])
			abort();
		return 0;
	}
	use(t, nul ? nul + 1 : "a", nul ? n - n_json - 1 : 1, INFER_TOK_ADD_SPECIAL | INFER_TOK_PARSE_SPECIAL);
	use(t, nul ? nul + 1 : "a", nul ? n - n_json - 1 : 1, 0);
	infer_tokenizer_destroy(t);
	return 0;
}
