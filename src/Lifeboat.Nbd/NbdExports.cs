// SPDX-License-Identifier: Apache-2.0
using System.Collections.Immutable;

namespace Lifeboat.Nbd;

/// <summary>The exports of a server by name. Safe to change while the server runs.</summary>
public sealed class NbdExports
{
    private ImmutableSortedDictionary<string, INbdExport> _byName =
        ImmutableSortedDictionary.Create<string, INbdExport>(StringComparer.Ordinal);

    public NbdExports(params IEnumerable<INbdExport> exports)
    {
        foreach (var export in exports)
            if (!Add(export))
                throw new ArgumentException($"two exports are named '{export.Info.Name}'", nameof(exports));
    }

    /// <summary>False when the name is taken.</summary>
    public bool Add(INbdExport export)
    {
        var problems = export.Info.Problems().ToList();
        if (problems.Count > 0)
            throw new ArgumentException(string.Join("; ", problems), nameof(export));
        return ImmutableInterlocked.Update(
            ref _byName, (all, e) => all.ContainsKey(e.Info.Name) ? all : all.Add(e.Info.Name, e), export);
    }

    /// <summary>Connections that use it go on; see <see cref="NbdServer.CloseConnectionsAsync"/>.</summary>
    public bool Remove(string name) => ImmutableInterlocked.Update(ref _byName, (all, n) => all.Remove(n), name);

    public INbdExport? Find(string name) => Volatile.Read(ref _byName).GetValueOrDefault(name);

    public IReadOnlyList<NbdExportInfo> List() => [.. Volatile.Read(ref _byName).Values.Select(e => e.Info)];
}
