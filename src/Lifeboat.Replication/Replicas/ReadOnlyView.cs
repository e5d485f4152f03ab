// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Replicas;

internal sealed class ReadOnlyView(string name, ReplicaReader reader) : PointInTimeView(name, reader)
{
    public override ValueTask ReadAsync(ushort volume, long offset, Memory<byte> buffer, CancellationToken ct) =>
        Source.ReadAsync(volume, offset, buffer, ct);

    public override ValueTask DisposeAsync()
    {
        Source.Dispose();
        return ValueTask.CompletedTask;
    }
}
