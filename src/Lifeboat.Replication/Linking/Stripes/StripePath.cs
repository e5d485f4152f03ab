// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Linking.Stripes;

/// <summary>One connection of a striped one. Its fields are the striped connection's, under its lock.</summary>
internal sealed class StripePath(ILinkConnection connection, PathMeter meter)
{
    public ILinkConnection Connection => connection;
    public PathMeter Meter => meter;
    /// <summary>Sent over it and not known to have come in, in order.</summary>
    public Queue<(long Number, byte[] Part)> UnderWay { get; } = new();
    public Signal Wake { get; } = new();
    /// <summary>A message is being handed to the connection.</summary>
    public bool Sending { get; set; }
    public bool PingDue { get; set; }
    public bool AckDue { get; set; }
    public long? PongDue { get; set; }
    public TaskCompletionSource Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
