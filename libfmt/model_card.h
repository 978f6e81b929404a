/* The head of a model card (README.md): lines of YAML between two lines "---".
 *
 * Only what cards use for facts is read: "key: value", "key: [a, b]", and "key:" with lines "- item" under it; quotes
 * and comments are understood. Nested mappings and texts over several lines are passed over. */
#ifndef FMT_MODEL_CARD_H
#define FMT_MODEL_CARD_H

#include "arena.h"

struct card_entry {
	struct fmt_str key;
	struct fmt_str *values; /* views of the text */
	uint64_t n;
	bool list;              /* written as a list, even if of one */
};

struct model_card {
	struct card_entry *entries;
	uint64_t n;
};

/* Reads the text of a README.md. A text without such a head has no entries; only memory can fail. */
bool model_card_read(struct fmt_arena *mem, struct fmt_str text, struct model_card *card, struct fmt_err *err);

/* The entry of a key; NULL if there is none, or none with a value. */
const struct card_entry *model_card_get(const struct model_card *card, const char *key);

#endif
