// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Qemu;

/// <summary>How patient a client is.</summary>
public sealed record QmpOptions
{
    public static readonly QmpOptions Default = new();

    /// <summary>Until the socket has accepted us and the greeting (or the guest agent's sync) has come.</summary>
    public TimeSpan ConnectLimit { get; init; } = TimeSpan.FromSeconds(10);
    /// <summary>Until a command is answered.</summary>
    public TimeSpan CommandLimit { get; init; } = TimeSpan.FromSeconds(30);
    /// <summary>Longest line accepted from the peer, in bytes.</summary>
    public int LineBytesMax { get; init; } = 16 << 20;
    /// <summary>Runs before each command is sent, with its name: a test lets others come in between.</summary>
    public Func<string, Task>? Before { get; init; }

    public IEnumerable<string> Problems()
    {
        if (ConnectLimit <= TimeSpan.Zero) yield return "qmp.connectLimit must be positive";
        if (CommandLimit <= TimeSpan.Zero) yield return "qmp.commandLimit must be positive";
        if (LineBytesMax < 4096) yield return $"qmp.lineBytesMax is {LineBytesMax}; the least is 4096";
    }
}
