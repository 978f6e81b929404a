/* Which matrices have adapters. */
#include <string.h>

#include "train_impl.h"
#include "view_impl.h"

static bool same(const char *a, size_t n, const char *word)
{
	return strlen(word) == n && !memcmp(a, word, n);
}

/* The module's own name in "blk.0.attn_q.weight" and "self_attn.q_proj.weight": the last part but one. */
static struct fmt_str module_of(struct fmt_str name)
{
	size_t end = name.n, start;

	while (end && name.p[end - 1] != '.')
		end--;
	end -= end != 0;
	for (start = end; start && name.p[start - 1] != '.';)
		start--;
	return (struct fmt_str){ name.p + start, end - start };
}

/* Whether a word names the matrix, in GGUF's way or in that of the checkpoint's class. */
static bool named(const struct fmt_view *v, const struct fmt_view_tensor *t, const char *word, size_t n)
{
	const struct arch_tensor *row = v->from_dir ? v->impl->sources[t - v->tensors].row : NULL;
	struct fmt_str ours = module_of(t->name), theirs = { "", 0 };

	if (row && row->hf)
		theirs = module_of((struct fmt_str){ row->hf, strlen(row->hf) });
	return (ours.n == n && !memcmp(ours.p, word, n)) || (theirs.n == n && !memcmp(theirs.p, word, n));
}

static bool word_takes(const struct fmt_view *v, const struct fmt_view_tensor *t, enum fmt_share s, const char *word, size_t n)
{
	if (same(word, n, "all"))
		return true;
	if (same(word, n, "qv"))
		return named(v, t, "attn_q", 6) || named(v, t, "attn_v", 6);
	if (same(word, n, "attention"))
		return s == FMT_SHARE_ATTENTION || s == FMT_SHARE_LINEAR_ATTENTION;
	return named(v, t, word, n);
}

bool train_targeted(const struct fmt_view *v, const struct fmt_view_tensor *t, enum fmt_share s, const char *targets)
{
	if (!fmt_estimate_takes_adapter(t, s))
		return false;
	for (const char *p = targets;; p++) {
		size_t n = strcspn(p, ",");

		if (word_takes(v, t, s, p, n))
			return true;
		p += n;
		if (!*p)
			return false;
	}
}

static bool takes_any(const struct fmt_estimate *e, const struct fmt_view *v, const char *word, size_t n)
{
	enum fmt_share s;

	for (uint64_t i = 0; i < v->n_tensors; i++) {
		const struct fmt_view_tensor *t = &v->tensors[i];

		if (fmt_estimate_share(e, t, &s) && fmt_estimate_takes_adapter(t, s) && word_takes(v, t, s, word, n))
			return true;
	}
	return false;
}

bool train_check_targets(const struct fmt_estimate *e, const struct fmt_view *v, const char *targets, struct fmt_err *err)
{
	for (const char *p = targets;; p++) {
		size_t n = strcspn(p, ",");

		if (!takes_any(e, v, p, n))
			return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "adapters: this model has no '%.*s' that they can stand beside (all, "
			                "qv, attention, or modules such as q_proj,down_proj)", (int)(n < 60 ? n : 60), p);
		p += n;
		if (!*p)
			return true;
	}
}
