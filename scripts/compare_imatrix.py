"""Whether two importance matrices are the same: compare_imatrix.py OURS THEIRS. Prints the largest relative difference of a sum
or a count; complaints and exit status 1 if it is above 1e-3, or an entry of THEIRS is missing or has another shape."""
import sys

from gguf import GGUFReader


def entries(path):
    return {t.name: t.data.ravel() for t in GGUFReader(path).tensors if t.name.endswith(('.in_sum2', '.counts'))}


def main():
    ours, theirs = entries(sys.argv[1]), entries(sys.argv[2])
    complaints = [f'{name}: only in {where}' for a, b, where in ((theirs, ours, 'theirs'), (ours, theirs, 'ours'))
                  for name in a if name not in b]
    worst, at = 0, ''
    for name in sorted(set(ours) & set(theirs)):
        a, b = ours[name].astype('float64'), theirs[name].astype('float64')
        if a.shape != b.shape:
            complaints.append(f'{name}: {a.shape}, theirs {b.shape}')
            continue
        apart = abs(a - b) / abs(b).clip(min=1e-30)
        apart[a == b] = 0
        if apart.max() > worst:
            worst, at = apart.max(), name
    if worst > 1e-3 or not theirs:
        complaints.append(f'{at}: {worst:.2e} apart')
    print(f'{len(ours) // 2} entries, at most {worst:.1e} apart ({at})')
    for line in complaints:
        print(line)
    return 1 if complaints else 0


sys.exit(main())
