/* A text in parts gives the tokens of the whole. */
#ifndef TESTS_IN_PARTS_H
#define TESTS_IN_PARTS_H

#include <stdlib.h>
#include <string.h>

#include <libinfer/tokenizer.h>

/* Encodes text[0, n), given `step` more bytes at a time; *held: the most bytes that had to be kept at once. */
static inline void encode_in_parts(const struct infer_tokenizer *t, const char *text, size_t n, unsigned flags, size_t step,
                                   struct infer_tokens *out, size_t *held)
{
	struct fmt_err err = { 0 };
	struct infer_encoder *e = infer_encoder_create(t, &err);
	size_t at = 0, have = 0, used;

	*held = 0;
	assert_non_null(e);
	for (bool last = false; !last; at += used, have -= used) {
		char *part;

		have = step < n - at - have ? have + step : n - at;
		*held = have > *held ? have : *held;
		last = at + have == n;
		part = malloc(have + 1); /* of its own, so that a look behind it is seen */
		assert_non_null(part);
		memcpy(part, text + at, have);
		if (!infer_encode_part(e, part, have, last, flags, out, &used, &err))
			fail_msg("%s", err.msg);
		assert_true(used <= have && (!last || used == have));
		free(part);
	}
	infer_encoder_destroy(e);
}

/* The text as a whole and in parts of many sizes; `what` names the tokenizer. Returns the most bytes that were held of it in parts of 64. */
static inline size_t same_in_parts(const struct infer_tokenizer *t, const char *what, const char *text, size_t n,
                                   unsigned flags)
{
	static const size_t steps[] = { 1, 2, 3, 7, 16, 64, 250, 4096 };
	struct infer_tokens whole = { 0 };
	struct fmt_err err = { 0 };
	size_t held, held_64 = 0;

	if (!infer_tokenize(t, text, n, flags, &whole, &err))
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		struct infer_tokens parts = { 0 };
		uint64_t k = 0;

		encode_in_parts(t, text, n, flags, steps[i], &parts, &held);
		while (k < whole.n && k < parts.n && whole.ids[k] == parts.ids[k] && whole.starts[k] == parts.starts[k])
			k++;
		if (k < whole.n || k < parts.n)
			fail_msg("%.700s\n'%.*s' in parts of %zu bytes, flags %u: %llu tokens, not %llu; token %llu differs", what, (int)n, text,
			         steps[i], flags, (unsigned long long)parts.n, (unsigned long long)whole.n, (unsigned long long)k);
		infer_tokens_finish(&parts);
		held_64 = steps[i] == 64 ? held : held_64;
	}
	infer_tokens_finish(&whole);
	return held_64;
}

/* Ids decoded `step` more at a time: the text is want[0, n). Returns the most ids that had to be kept at once. */
static inline size_t same_back_in_parts(const struct infer_tokenizer *t, const char *what, const int32_t *ids, size_t n_ids,
                                        bool skip_special, size_t step, const char *want, size_t n)
{
	struct infer_decoding g = { .t = t, .skip_special = skip_special };
	size_t at = 0, have = 0, used = 0, done = 0, held = 0;
	struct fmt_err err = { 0 };

	for (bool last = false; !last; at += used, have -= used) {
		char *part;
		size_t n_part;

		have = step < n_ids - at - have ? have + step : n_ids - at;
		held = have > held ? have : held;
		last = at + have == n_ids;
		if (!infer_detokenize_part(&g, ids + at, have, last, &part, &n_part, &used, &err))
			fail_msg("%s", err.msg);
		assert_true(used <= have && (!last || used == have) && (part || !used));
		if (n_part > n - done || (n_part && memcmp(part, want + done, n_part) != 0))
			fail_msg("%.900s\n%zu ids decoded %zu at a time: '%.*s', not '%.*s'", what, n_ids, step, (int)n_part, part,
			         (int)(n - done), want + done);
		done += n_part;
		free(part);
	}
	if (done != n)
		fail_msg("%.900s\n%zu ids decoded %zu at a time: %zu bytes, not %zu", what, n_ids, step, done, n);
	return held;
}

#endif
