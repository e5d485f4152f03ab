// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Replicas;
using Lifeboat.Testing.Replicas;

namespace Lifeboat.Testing.Simulation;

// States that gave way and are kept beside the replica.
public sealed partial class SimulatedAgent
{
    private readonly SortedDictionary<string, Replica> _kept = new(StringComparer.Ordinal);
    private Task _keeping = Task.CompletedTask;

    /// <summary>Keeps what the host's disks hold; kept once under that name it stays as it is.</summary>
    public async Task<RecoveryPoint> KeepAsync(string pin)
    {
        await OpenKeptAsync();
        return _kept.TryGetValue(pin, out var kept) ? kept.Points[0] : throw Unready("it cannot be kept now");
    }

    public Task<ViewInfo> OpenKeptAsync(string pin) => OpenViewAsync(new ViewRequest(pin,
        _kept.TryGetValue(pin, out var kept) ? kept.Points[0].Id
            : throw new ProblemException(ReasonCode.PointUnknown, $"nothing is kept here as {pin}"), null, true));

    public Guid? KeptPoint(string pin) => _kept.TryGetValue(pin, out var kept) ? kept.Points[0].Id : null;

    /// <summary>A kept state, byte for byte; null: it is not to be had now.</summary>
    public async Task<IReadOnlyList<byte[]>?> ReadKeptAsync(string pin)
    {
        if (!_kept.TryGetValue(pin, out var replica)) return null;
        IReadOnlyList<byte[]> content = [];
        await RefusingAsync(async () =>
        {
            var name = $"look-{Process.Id}-{++_audits}";
            content = await ReadAsync(replica, await replica.OpenViewAsync(name, 0, writable: false, default));
            await replica.CloseViewAsync(name, default);
        });
        _world.Oracle.Check(replica.Points[0], content, $"{pin} at {_host.Name}");
        return content;
    }

    // One after the other: two of them would open the same files.
    private async Task OpenKeptAsync()
    {
        var before = _keeping;
        var mine = new TaskCompletionSource();
        _keeping = mine.Task;
        await before;
        try
        {
            foreach (var wanted in _host.Kept.Where(k => !_kept.ContainsKey(k.Origin!.Pin)).ToArray())
            {
                _kept.Add(wanted.Origin!.Pin, await Replica.OpenAsync(Definition(wanted), OptionsOf(_prng, _warm),
                    StorageOf(wanted), new SimulatedReplicaStore(_host.Disk), Process.Clock, default));
            }
        }
        catch (Exception e) when (e is StorageException or ReplicaStoreException)
        {
            // A disk that is full or fails: whoever asks for it asks again.
            _world.Say(Process.Name, $"cannot open what is kept: {e.Message}");
        }
        finally
        {
            mine.SetResult();
        }
    }

    private Replica HolderOf(Guid point) =>
        _kept.Values.FirstOrDefault(k => k.Points.Any(p => p.Id == point)) ?? Open;
}
