// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Replicas;

internal sealed class ReadOnlyView(string name, ReplicaReader reader)
    : PointInTimeView(name, reader.Sequence, reader.Sizes)
{
    public override ValueTask ReadAsync(ushort volume, long offset, Memory<byte> buffer, CancellationToken ct) =>
        reader.ReadAsync(volume, offset, buffer, ct);

    public override ValueTask DisposeAsync()
    {
        reader.Dispose();
        return ValueTask.CompletedTask;
    }
}
