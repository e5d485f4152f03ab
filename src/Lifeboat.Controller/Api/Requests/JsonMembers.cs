// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Serialization.Metadata;

namespace Lifeboat.Controller.Api.Requests;

/// <summary>What a member of a contract demands; the body's check and the OpenAPI document must say the same.</summary>
internal static class JsonMembers
{
    public static bool IsRequired(JsonPropertyInfo member) => member.IsRequired
        || member.AssociatedParameter is { HasDefaultValue: false, IsMemberInitializer: false } && !IsNullable(member);

    public static bool IsNullable(JsonPropertyInfo member) => member.PropertyType.IsValueType
        ? Nullable.GetUnderlyingType(member.PropertyType) is not null
        : member.IsSetNullable;

    /// <summary>Only written, e.g. a sum of others: it is in answers, and ignored in no request.</summary>
    public static bool IsGiven(JsonPropertyInfo member) =>
        member.Set is not null || member.AssociatedParameter is not null;
}
