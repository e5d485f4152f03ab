// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Storage;

/// <summary>
/// Directory entries as readers see them and as a crash leaves them. Changes reach the medium in order (as a journaling
/// file system does it), so a crash keeps a random prefix of those not synced.
/// </summary>
internal sealed class SimulatedFolder
{
    private readonly List<Change> _pending = [];
    private readonly Dictionary<string, SimulatedInode> _durable = new(StringComparer.Ordinal);
    private Dictionary<string, SimulatedInode> _entries = new(StringComparer.Ordinal);

    public IEnumerable<SimulatedInode> Inodes => _entries.Values;
    public IEnumerable<string> Names => _entries.Keys.Order(StringComparer.Ordinal);
    public int PendingChanges => _pending.Count;

    public SimulatedInode? Find(string name) => _entries.GetValueOrDefault(name);
    public SimulatedInode Create(string name)
    {
        var inode = new SimulatedInode();
        Apply(new Change(name, inode, null));
        return inode;
    }

    public void Delete(string name) => Apply(new Change(name, null, null));
    public void Rename(string from, string to) => Apply(new Change(to, _entries[from], from));

    public void Sync(int count)
    {
        count = Math.Min(count, _pending.Count);
        for (var i = 0; i < count; i++) _pending[i].ApplyTo(_durable);
        _pending.RemoveRange(0, count);
    }

    public void Crash(Prng prng)
    {
        Sync(prng.Next(_pending.Count + 1));
        _pending.Clear();
        _entries = new Dictionary<string, SimulatedInode>(_durable, StringComparer.Ordinal);
        foreach (var name in Names) _entries[name].Crash(prng);
    }

    private void Apply(Change change)
    {
        change.ApplyTo(_entries);
        _pending.Add(change);
    }

    private sealed record Change(string Name, SimulatedInode? Inode, string? RemovedName)
    {
        public void ApplyTo(Dictionary<string, SimulatedInode> entries)
        {
            if (RemovedName is not null) entries.Remove(RemovedName);
            if (Inode is null) entries.Remove(Name);
            else entries[Name] = Inode;
        }
    }
}
