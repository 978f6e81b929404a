/* Component by name: the first rule that fits one of the name's segments ("blk.0.attn_q.weight" has four). */
#include <libfmt/component.h>

enum match {
	WHOLE,    /* the segment is this word */
	PREFIX,   /* begins with it */
	CONTAINS, /* has it somewhere */
	FIRST,    /* the name's first segment is this word */
};

struct rule {
	enum match match;
	const char *word;
	enum fmt_component part;
};

/* In order of precedence: "blk.0.attn_norm.weight" is a norm before it is attention. */
static const struct rule rules[] = {
	{ CONTAINS, "norm", FMT_PART_NORM },
	{ PREFIX, "ln_", FMT_PART_NORM },
	{ FIRST, "output", FMT_PART_OUTPUT },
	{ WHOLE, "lm_head", FMT_PART_OUTPUT },
	{ WHOLE, "embed_out", FMT_PART_OUTPUT },
	{ PREFIX, "altup", FMT_PART_OTHER },
	{ CONTAINS, "embd", FMT_PART_EMBEDDING },
	{ CONTAINS, "embed", FMT_PART_EMBEDDING },
	{ WHOLE, "token_types", FMT_PART_EMBEDDING },
	{ WHOLE, "wte", FMT_PART_EMBEDDING },
	{ WHOLE, "wpe", FMT_PART_EMBEDDING },
	{ CONTAINS, "_exps", FMT_PART_EXPERTS },
	{ WHOLE, "experts", FMT_PART_EXPERTS },
	{ PREFIX, "ssm", FMT_PART_RECURRENCE },
	{ CONTAINS, "mamba", FMT_PART_RECURRENCE },
	{ WHOLE, "mixer", FMT_PART_RECURRENCE },
	{ CONTAINS, "linear_attn", FMT_PART_RECURRENCE },
	{ PREFIX, "time_mix", FMT_PART_RECURRENCE },
	{ PREFIX, "shortconv", FMT_PART_RECURRENCE },
	{ CONTAINS, "attn", FMT_PART_ATTENTION },
	{ CONTAINS, "attention", FMT_PART_ATTENTION },
	{ PREFIX, "indexer", FMT_PART_ATTENTION },
	{ PREFIX, "ffn", FMT_PART_FEED_FORWARD },
	{ CONTAINS, "mlp", FMT_PART_FEED_FORWARD },
	{ CONTAINS, "feed_forward", FMT_PART_FEED_FORWARD },
	{ CONTAINS, "moe", FMT_PART_FEED_FORWARD },
};

const char *fmt_component_name(enum fmt_component c)
{
	static const char *const names[FMT_PART_COUNT] = {
		"embedding", "attention", "feed-forward", "experts", "recurrence", "norms", "output", "other",
	};

	return names[c];
}

static bool fits(const struct rule *r, struct fmt_str segment, bool first)
{
	switch (r->match) {
	case WHOLE:
		return fmt_str_is(segment, r->word);
	case PREFIX:
		return fmt_str_starts(segment, r->word);
	case CONTAINS:
		return fmt_str_has(segment, r->word);
	case FIRST:
		return first && fmt_str_is(segment, r->word);
	}
	return false;
}

enum fmt_component fmt_component_of(struct fmt_str tensor_name)
{
	for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
		struct fmt_str segment = { tensor_name.p, 0 };

		for (size_t at = 0; at <= tensor_name.n; at++) {
			if (at < tensor_name.n && tensor_name.p[at] != '.')
				continue;
			segment.n = (size_t)(tensor_name.p + at - segment.p);
			if (fits(&rules[i], segment, segment.p == tensor_name.p))
				return rules[i].part;
			segment.p = tensor_name.p + at + 1;
		}
	}
	return FMT_PART_OTHER;
}
