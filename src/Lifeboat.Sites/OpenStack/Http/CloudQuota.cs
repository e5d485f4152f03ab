// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;

namespace Lifeboat.Sites.OpenStack.Http;

/// <summary>What a project may have of something, and what it has.</summary>
/// <param name="Limit">-1: any number.</param>
/// <param name="Used">With what is reserved.</param>
internal sealed record CloudQuota(long Limit, long Used)
{
    /// <summary>Null: no limit.</summary>
    public long? Free => Limit < 0 ? null : Math.Max(0, Limit - Used);

    public static CloudQuota Read(JsonElement quota, string used) => new(Number(quota, "limit") ?? -1,
        (Number(quota, used) ?? 0) + (Number(quota, "reserved") ?? 0));

    private static long? Number(JsonElement of, string name) =>
        of.TryGetProperty(name, out var value) && value.TryGetInt64(out var number) ? number : null;
}
