// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts;

/// <summary>
/// The idempotency key of the request that is being carried out, with whose it is. What keeps a key of its own for the
/// effect (a run) takes it from here, so that the effect is found again when the answer to it was lost.
/// </summary>
public static class RequestKey
{
    public const string Header = "Idempotency-Key";
    /// <summary>`true` on an answer that was kept from the first time.</summary>
    public const string ReplayedHeader = "Idempotency-Replayed";

    private static readonly AsyncLocal<string?> Ambient = new();

    public static string? Current
    {
        get => Ambient.Value;
        set => Ambient.Value = value;
    }
}
