// SPDX-License-Identifier: Apache-2.0
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Lifeboat.Sites.OpenStack.Http;

/// <summary>
/// What a service said went wrong, and the reason it stands for. Every service has a form of its own: Nova and Cinder
/// `{"itemNotFound": {"message"}}`, Keystone `{"error": {"title", "message"}}`, Neutron `{"NeutronError": {"type",
/// "message", "detail"}}`, Placement `{"errors": [{"title", "detail"}]}`, Glance a page of HTML or text.
/// </summary>
/// <param name="Kind">The service's own name for it; empty: it gave none.</param>
internal sealed partial record ErrorBody(string Kind, string Text)
{
    private const int TextMax = 1000;
    private const int BodyMax = 64 << 10;

    private static readonly string[] UsedUp =
        ["ExternalIpAddressExhausted", "IpAddressGenerationFailure", "IpAddressGenerationFailureForSubnet",
         "NoMoreIpsException"];
    private static readonly string[] Taken =
        ["IpAddressInUse", "IpAddressAlreadyAllocated", "MacAddressInUse", "FloatingIPPortAlreadyAssociated",
         "IPAddressInUse"];

    /// <summary>Reads any body; one that cannot be understood is told as it is.</summary>
    public static ErrorBody Read(ReadOnlyMemory<byte> body)
    {
        var bytes = body.Length > BodyMax ? body[..BodyMax] : body;
        try
        {
            using var json = JsonDocument.Parse(bytes);
            if (Of(json.RootElement) is { } found) return found with { Text = Short(found.Text) };
        }
        catch (JsonException)
        {
            // A proxy or Glance: HTML or text.
        }
        return new ErrorBody("", Short(Plain(Encoding.UTF8.GetString(bytes.Span))));
    }

    /// <summary>The reason behind an answer with this status.</summary>
    /// <param name="waits">The answer says how long to wait.</param>
    public CloudFault Reason(int status, bool waits) => status switch
    {
        401 => CloudFault.Unauthorised,
        403 => SpeaksOfQuota ? CloudFault.QuotaExceeded : CloudFault.Forbidden,
        404 or 410 => CloudFault.NotFound,
        406 => CloudFault.VersionTooOld,
        // Cinder answers 413 to a quota, older Nova to too many requests.
        413 => SpeaksOfQuota || !waits ? CloudFault.QuotaExceeded : CloudFault.OverLimit,
        429 => CloudFault.OverLimit,
        400 or 409 => OfConflict(status),
        408 or 504 => CloudFault.Timeout,
        502 or 503 => CloudFault.ServiceDown,
        >= 500 => OfText(Text) ?? CloudFault.ServiceFailed,
        >= 400 => CloudFault.Refused,
        _ => CloudFault.Strange,
    };

    /// <summary>The reason in what Nova and Cinder say of a failed build; null: none that we know.</summary>
    public static CloudFault? OfText(string text)
    {
        if (Says(text, "No valid host") || Says(text, "No valid backend") || Says(text, "NoValidHost")
            || Says(text, "no allocation candidates")) return CloudFault.NoValidHost;
        if (Says(text, "quota")) return CloudFault.QuotaExceeded;
        return Says(text, "No more IP addresses available") || Says(text, "No more IPs") ? CloudFault.AddressesUsedUp
            : null;
    }

    private CloudFault OfConflict(int status)
    {
        if (Kind == "OverQuota" || (status == 409 || Kind.Length == 0) && SpeaksOfQuota)
            return CloudFault.QuotaExceeded;
        if (UsedUp.Contains(Kind) || OfText(Text) is CloudFault.AddressesUsedUp) return CloudFault.AddressesUsedUp;
        if (Taken.Contains(Kind)) return CloudFault.AddressTaken;
        if (OfText(Text) is CloudFault.NoValidHost) return CloudFault.NoValidHost;
        return status == 409 ? CloudFault.Conflict : CloudFault.Refused;
    }

    private bool SpeaksOfQuota => Kind == "OverQuota" || Says(Text, "quota") || Says(Text, "Maximum number of");

    private static bool Says(string text, string what) => text.Contains(what, StringComparison.OrdinalIgnoreCase);

    private static ErrorBody? Of(JsonElement root)
    {
        if (root.ValueKind is not JsonValueKind.Object) return null;
        if (root.TryGetProperty("errors", out var errors) && errors.ValueKind is JsonValueKind.Array)
            return new ErrorBody(First(errors, "code") ?? "", string.Join("; ", errors.EnumerateArray()
                .Select(e => string.Join(": ", new[] { Member(e, "title"), Member(e, "detail") }.OfType<string>()))));
        foreach (var member in root.EnumerateObject())
        {
            if (member.Value.ValueKind is JsonValueKind.Object && Member(member.Value, "message") is { } message)
            {
                var detail = Member(member.Value, "detail") is { Length: > 0 } more ? $" ({more})" : "";
                return new ErrorBody(Member(member.Value, "type") ?? member.Name, message + detail);
            }
            if (member.Name is "NeutronError" && member.Value.ValueKind is JsonValueKind.String)
                return new ErrorBody("NeutronError", member.Value.GetString()!);
        }
        return Member(root, "message") is { } text ? new ErrorBody(Member(root, "title") ?? "", Plain(text)) : null;
    }

    private static string? First(JsonElement list, string member) =>
        list.EnumerateArray().Select(e => Member(e, member)).FirstOrDefault(m => m is not null);

    private static string? Member(JsonElement of, string name) => of.ValueKind is JsonValueKind.Object
        && of.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.String ? value.GetString() : null;

    private static string Plain(string text) => Spaces().Replace(Tags().Replace(text, " "), " ").Trim();

    private static string Short(string text) => text.Length <= TextMax ? text : text[..TextMax] + "…";

    [GeneratedRegex("<(script|style|head)[^>]*>.*?</\\1>|<[^>]*>", RegexOptions.Singleline | RegexOptions.IgnoreCase)]
    private static partial Regex Tags();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();
}
