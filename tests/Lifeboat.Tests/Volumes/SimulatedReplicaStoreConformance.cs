// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Replicas;
using Lifeboat.Testing;
using Lifeboat.Testing.Replicas;
using Lifeboat.Testing.Storage;

namespace Lifeboat.Tests.Volumes;

public sealed class SimulatedReplicaStoreConformance : ReplicaStoreConformance
{
    private readonly SimulatedDisk _disk = new(new Prng(1));

    protected override IReplicaStore Open() => new SimulatedReplicaStore(_disk);

    protected override string Put(string name, byte[] content)
    {
        new SimulatedReplicaStore(_disk).Put(name, content);
        return name;
    }
}
