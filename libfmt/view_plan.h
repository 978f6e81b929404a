/* A plan while it is made. */
#ifndef LIBFMT_VIEW_PLAN_H
#define LIBFMT_VIEW_PLAN_H

#include "view_impl.h"

struct plan {
	struct fmt_view *v;
	struct fmt_view_impl *im;
	const struct arch_conf *conf;
	const struct fmt_model *weights; /* NULL: what config.json asks for is taken as there */
	bool *used;                      /* per tensor of the weights */
	bool keep_nvfp4;
	enum fmt_type type;              /* of all tensors, where there are no weights */
	uint64_t n, cap;                 /* tensors of the view */
	struct fmt_err *err;
};

/* view_find.c */

/* Says what is wrong with a tensor of the checkpoint, in which file. false */
bool plan_fail_tensor(struct plan *p, enum fmt_code code, const struct fmt_tensor *t, const char *what);

/* Finds what the checkpoint has for a row's tensor t, sees that it is what the row asks for, and marks it as used.
 * src: out; its row and move are set */
bool plan_find_source(struct plan *p, const struct arch_tensor *row, int32_t layer, const struct fmt_view_tensor *t,
                      struct view_source *src);

/* Whether the checkpoint is without a tensor that it may lack. */
bool plan_is_lacking(const struct plan *p, const struct arch_tensor *row, int32_t layer);

#endif
