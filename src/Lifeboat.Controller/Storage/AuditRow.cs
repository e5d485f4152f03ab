// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Controller.Storage;

/// <summary>What is to be kept of a change.</summary>
internal sealed record AuditEntry(DateTimeOffset At, string Actor, string Action, string Subject, string Outcome)
{
    public string? Detail { get; init; }
    public string? Tenant { get; init; }
    public string? From { get; init; }
    public string? Request { get; init; }
    /// <summary>JSON of a definition.</summary>
    public string? Before { get; init; }
    public string? After { get; init; }
}

/// <summary>A row of the audit log, sealed together with the row before it.</summary>
internal sealed class AuditRow
{
    public long Number { get; init; }
    public long At { get; init; }
    public string Actor { get; init; } = "";
    public string Action { get; init; } = "";
    public string Subject { get; init; } = "";
    public string Outcome { get; init; } = "";
    public string? Detail { get; init; }
    public string? Tenant { get; init; }
    public string? Origin { get; init; }
    public string? Request { get; init; }
    public string? Before { get; init; }
    public string? After { get; init; }
    public byte[] Seal { get; init; } = [];

    public static AuditRow Of(AuditEntry entry, long number) => new()
    {
        Number = number,
        At = entry.At.ToUnixTimeMilliseconds(),
        Actor = entry.Actor,
        Action = entry.Action,
        Subject = entry.Subject,
        Outcome = entry.Outcome,
        Detail = entry.Detail,
        Tenant = entry.Tenant,
        Origin = entry.From,
        Request = entry.Request,
        Before = entry.Before,
        After = entry.After,
    };

    /// <summary>
    /// HMAC-SHA256 over the seal of the row before and every field, each with its length in front (4 bytes, little
    /// endian; -1: null), so that no two rows have the same bytes.
    /// </summary>
    public byte[] SealAfter(byte[] before, byte[] key)
    {
        using var mac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key);
        Append(mac, before);
        Span<byte> numbers = stackalloc byte[16];
        BinaryPrimitives.WriteInt64LittleEndian(numbers, Number);
        BinaryPrimitives.WriteInt64LittleEndian(numbers[8..], At);
        Append(mac, numbers);
        foreach (var text in new[]
        {
            Actor, Action, Subject, Outcome, Detail, Tenant, Origin, Request, Before, After,
        })
        {
            if (text is null) AppendLength(mac, -1);
            else Append(mac, Encoding.UTF8.GetBytes(text));
        }
        return mac.GetHashAndReset();
    }

    public AuditEvent Event() => new(Number, DateTimeOffset.FromUnixTimeMilliseconds(At), Actor, Action, Subject,
        Outcome, Detail)
    {
        Tenant = Tenant,
        From = Origin,
        Request = Request,
        Before = Json(Before),
        After = Json(After),
    };

    private static JsonElement? Json(string? text) =>
        text is null ? null : JsonSerializer.Deserialize<JsonElement>(text);

    private static void Append(IncrementalHash mac, ReadOnlySpan<byte> bytes)
    {
        AppendLength(mac, bytes.Length);
        mac.AppendData(bytes);
    }

    private static void AppendLength(IncrementalHash mac, int length)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, length);
        mac.AppendData(bytes);
    }
}
