/* A class or model type that no description has: what it is if it is no language model, what it comes near to, and what
 * is certain all the same. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "arch_conf.h"

/* Encoders and the like: they keep no cache, and nothing here is meant for them. Beginnings of model types. */
static const char *const encoders[] = {
	"bert", "roberta", "xlm", "distilbert", "albert", "electra", "deberta", "modernbert", "nomic_bert", "mpnet", "t5",
	"umt5", "mt5", "bart", "vit", "clip", "siglip", "whisper", "wav2vec2", "dinov2", NULL,
};

static bool is_encoder(struct fmt_str type)
{
	for (const char *const *e = encoders; *e; e++)
		if (type.n >= strlen(*e) && !memcmp(type.p, *e, strlen(*e)))
			return true;
	return false;
}

static bool has_pair(struct fmt_str s, char a, char b)
{
	for (size_t i = 0; i + 1 < s.n; i++)
		if (tolower((unsigned char)s.p[i]) == tolower((unsigned char)a) &&
		    tolower((unsigned char)s.p[i + 1]) == tolower((unsigned char)b))
			return true;
	return false;
}

/* The part of a known name that the other has too, in thousandths: pairs of letters. */
static unsigned likeness(struct fmt_str name, const char *known)
{
	size_t n = strlen(known), common = 0;

	for (size_t i = 0; i + 1 < n; i++)
		common += has_pair(name, known[i], known[i + 1]);
	return n + name.n > 2 ? (unsigned)(2000 * common / (n + name.n - 2)) : 0;
}

#define NEAREST 3

struct nearest {
	const char *name[NEAREST];
	unsigned like[NEAREST];
};

static void consider(struct nearest *best, const char *name, unsigned like)
{
	for (size_t i = 0; i < NEAREST; i++) {
		if (like <= best->like[i])
			continue;
		for (size_t j = NEAREST - 1; j > i; j--) {
			best->name[j] = best->name[j - 1];
			best->like[j] = best->like[j - 1];
		}
		best->name[i] = name;
		best->like[i] = like;
		return;
	}
}

/* By its class and by its type, each beside those of every description. */
static void consider_table(struct nearest *best, const struct fmt_arch *const *table, struct fmt_str class, struct fmt_str type)
{
	for (const struct fmt_arch *const *a = table; *a; a++) {
		unsigned like = 0;

		for (const char *const *w = (*a)->classes; *w; w++) {
			/* all end in ForCausalLM: what comes before it counts */
			struct fmt_str head = { class.p, class.n > 11 ? class.n - 11 : class.n };
			unsigned l = likeness(head, *w) * 2;

			like = l > like ? l : like;
		}
		for (const char *const *w = (*a)->types; *w; w++) {
			unsigned l = likeness(type, *w) * 2;

			like = l > like ? l : like;
		}
		consider(best, (*a)->types[0], like);
	}
}

void arch_unknown(const struct json *config, struct fmt_str class, struct fmt_str type, struct fmt_err *err)
{
	struct fmt_str shown = class.n ? class : type;
	struct nearest best = { { NULL }, { 0 } };
	uint64_t vocab = 0, width = 0;
	char near[120] = "", certain[160] = "";

	if (!shown.n) {
		fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "no model's config.json: it has neither a class (architectures) nor a "
		         "model_type");
		return;
	}
	if (is_encoder(type)) {
		fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "'%.*s' is no language model that writes text (model_type %.*s); such "
		         "models are not counted here", (int)shown.n, shown.p, (int)type.n, type.p);
		return;
	}
	consider_table(&best, arch_table, class, type);
	consider_table(&best, arch_counted, class, type);
	for (size_t i = 0; i < NEAREST && best.like[i] >= 500; i++)
		snprintf(near + strlen(near), sizeof near - strlen(near), "%s%s", i ? ", " : "; nearest known: ", best.name[i]);
	if (json_u64(arch_conf_find(config, "vocab_size", 10), &vocab) && json_u64(arch_conf_find(config, "hidden_size", 11), &width) &&
	    vocab && width && vocab <= ARCH_MAX_VOCAB && width <= ARCH_MAX_WIDTH)
		snprintf(certain, sizeof certain, "; certain is only its embedding: vocab_size %" PRIu64 " x hidden_size %" PRIu64
		         " = %" PRIu64 " parameters", vocab, width, vocab * width);
	fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "unknown architecture '%.*s'%s%s", (int)shown.n, shown.p, near, certain);
}
