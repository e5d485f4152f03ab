// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication;

namespace Lifeboat.Testing.Simulation;

/// <summary>Ways to break the engine on purpose, by the names that the swarm takes.</summary>
public static class PlantedFlaws
{
    public static readonly IReadOnlyList<string> Names =
        ["ack-before-receive", "seal-before-durable", "apply-out-of-order", "accept-old-epoch"];

    internal static EngineFlaws Named(string? name) => name switch
    {
        null => EngineFlaws.None,
        "ack-before-receive" => new EngineFlaws { AckBeforeReceiveEvery = 97 },
        "seal-before-durable" => new EngineFlaws { SealBeforeDurable = true },
        "apply-out-of-order" => new EngineFlaws { ApplyOutOfOrder = true },
        "accept-old-epoch" => new EngineFlaws { AcceptOldEpoch = true },
        _ => throw new ArgumentException($"no flaw is called {name}; there are {string.Join(", ", Names)}"),
    };
}
