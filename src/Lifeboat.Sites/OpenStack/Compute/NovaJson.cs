// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Lifeboat.Sites.OpenStack.Compute;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(ServerPage))]
[JsonSerializable(typeof(ServerAnswer))]
[JsonSerializable(typeof(ConsoleAnswer))]
[JsonSerializable(typeof(AttachmentPage))]
[JsonSerializable(typeof(ActionPage))]
[JsonSerializable(typeof(ActionAnswer))]
[JsonSerializable(typeof(FlavorPage))]
[JsonSerializable(typeof(KeypairPage))]
[JsonSerializable(typeof(KeypairAnswer))]
[JsonSerializable(typeof(ServerGroupAnswer))]
[JsonSerializable(typeof(ServerGroupPage))]
[JsonSerializable(typeof(LimitsAnswer))]
[JsonSerializable(typeof(ZoneAnswer))]
[JsonSerializable(typeof(NewServerRequest))]
[JsonSerializable(typeof(NewServerAnswer))]
[JsonSerializable(typeof(NewKeypairRequest))]
[JsonSerializable(typeof(NewServerGroupRequest))]
[JsonSerializable(typeof(JsonObject))]
internal sealed partial class NovaJson : JsonSerializerContext;
