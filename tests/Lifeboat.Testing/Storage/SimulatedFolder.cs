// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Storage;

/// <summary>
/// Directory entries as readers see them and as a crash leaves them. Changes reach the medium in order (as a journaling
/// file system does it), so a crash keeps a prefix of those not synced.
/// </summary>
internal sealed class SimulatedFolder
{
    private readonly List<Change> _pending = [];
    private readonly Dictionary<string, SimulatedInode> _durable = new(StringComparer.Ordinal);
    private Dictionary<string, SimulatedInode> _entries = new(StringComparer.Ordinal);

    public IEnumerable<SimulatedInode> Inodes => _entries.Values;
    public IEnumerable<string> Names => _entries.Keys.Order(StringComparer.Ordinal);

    public SimulatedInode? Find(string name) => _entries.GetValueOrDefault(name);
    public SimulatedInode Create(string name, long order)
    {
        var inode = new SimulatedInode();
        Apply(new Change(name, inode, null, order));
        return inode;
    }

    public void Delete(string name, long order) => Apply(new Change(name, null, null, order));
    public void Rename(string from, string to, long order) => Apply(new Change(to, _entries[from], from, order));

    /// <summary>Makes changes up to this one durable.</summary>
    public void Sync(long upTo) => SyncFirst(_pending.Count(c => c.Order <= upTo));

    /// <param name="last">The newest change of the disk that a style may treat differently.</param>
    public void Crash(Prng prng, CrashStyle style, long last)
    {
        SyncFirst(style switch
        {
            CrashStyle.KeepAll or CrashStyle.TearLast or CrashStyle.NamesFirst => _pending.Count,
            CrashStyle.LoseAll => 0,
            CrashStyle.Prefix => _pending.Count(c => c.Order <= last),
            CrashStyle.Random or CrashStyle.TearAll => prng.Next(_pending.Count + 1),
        });
        _pending.Clear();
        _entries = new Dictionary<string, SimulatedInode>(_durable, StringComparer.Ordinal);
        foreach (var name in Names) _entries[name].Crash(prng, style, last);
    }

    /// <summary>Orders of the changes that are not durable, of names and of bytes.</summary>
    public IEnumerable<long> PendingOrders =>
        _pending.Select(c => c.Order).Concat(_entries.Values.SelectMany(i => i.PendingOrders));

    public SimulatedFolder Fork()
    {
        var twins = new Dictionary<SimulatedInode, SimulatedInode>();
        var fork = new SimulatedFolder();
        foreach (var (name, inode) in _entries) fork._entries[name] = TwinOf(inode, twins);
        foreach (var (name, inode) in _durable) fork._durable[name] = TwinOf(inode, twins);
        foreach (var change in _pending)
            fork._pending.Add(change with { Inode = change.Inode is { } inode ? TwinOf(inode, twins) : null });
        return fork;
    }

    private static SimulatedInode TwinOf(SimulatedInode inode, Dictionary<SimulatedInode, SimulatedInode> twins)
    {
        if (!twins.TryGetValue(inode, out var twin)) twins[inode] = twin = inode.Fork();
        return twin;
    }

    private void SyncFirst(int count)
    {
        for (var i = 0; i < count; i++) _pending[i].ApplyTo(_durable);
        _pending.RemoveRange(0, count);
    }

    private void Apply(Change change)
    {
        change.ApplyTo(_entries);
        _pending.Add(change);
    }

    private sealed record Change(string Name, SimulatedInode? Inode, string? RemovedName, long Order)
    {
        public void ApplyTo(Dictionary<string, SimulatedInode> entries)
        {
            if (RemovedName is not null) entries.Remove(RemovedName);
            if (Inode is null) entries.Remove(Name);
            else entries[Name] = Inode;
        }
    }
}
