/* Which layers are taken out, and what others are called then: of a model and of its importance matrix. */
#ifndef LIBFMT_PRUNE_H
#define LIBFMT_PRUNE_H

#include <libfmt/model.h>

#include "arena.h"

struct prune {
	uint32_t *layers; /* [n], ascending, each once */
	size_t n;
};

bool prune_init(struct prune *p, const uint32_t *layers, size_t n, struct fmt_err *err);
void prune_finish(struct prune *p);

bool prune_takes(const struct prune *p, uint64_t layer);
uint32_t prune_below(const struct prune *p, uint64_t layer); /* how many it takes of those before `layer` */

/* A tensor's name with the new number of its layer, in `mem`; what is of no layer stays as it is.
 * layer    out: the new number, or -1
 * returns  false: the layer is taken out, or *err is set */
bool prune_name(const struct prune *p, struct fmt_arena *mem, struct fmt_str *name, int32_t *layer, struct fmt_err *err);

#endif
