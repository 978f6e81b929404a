/* How strongly a text makes a model use each column of its weights. */
#ifndef LIBINFER_IMPORTANCE_H
#define LIBINFER_IMPORTANCE_H

#include <libfmt/imatrix_sums.h>
#include <libinfer/windows.h>

/* Runs every window and adds, for each matrix that tokens are multiplied with, the squares of what goes in: in double, in the
 * order of the tokens, whatever the batches and the threads.
 * r       with a context of at least w->size; nobody else watches it
 * output  the output matrix too; where it is tied, under the name of the embedding
 * returns false with *err set: an id outside the vocabulary, no memory, entries of another model, activations that are not
 * finite (which weight, which column) */
bool infer_imatrix_collect(struct infer_run *r, const struct infer_windows *w, bool output, struct fmt_imatrix_sums *sums,
                           struct fmt_err *err);

#endif
