/** Every file of this folder: `test/unit` must not read files itself. */
import f3Auth from "./3-auth.txt";
import f3Connack from "./3-connack.txt";
import f3Disconnect from "./3-disconnect.txt";
import f3NotFromABroker from "./3-not-from-a-broker.txt";
import f3Pingresp from "./3-pingresp.txt";
import f3Puback from "./3-puback.txt";
import f3Pubcomp from "./3-pubcomp.txt";
import f3Publish from "./3-publish.txt";
import f3Pubrec from "./3-pubrec.txt";
import f3Pubrel from "./3-pubrel.txt";
import f3Suback from "./3-suback.txt";
import f3Unsuback from "./3-unsuback.txt";
import f4Auth from "./4-auth.txt";
import f4Connack from "./4-connack.txt";
import f4Disconnect from "./4-disconnect.txt";
import f4NotFromABroker from "./4-not-from-a-broker.txt";
import f4Pingresp from "./4-pingresp.txt";
import f4Puback from "./4-puback.txt";
import f4Pubcomp from "./4-pubcomp.txt";
import f4Publish from "./4-publish.txt";
import f4Pubrec from "./4-pubrec.txt";
import f4Pubrel from "./4-pubrel.txt";
import f4Suback from "./4-suback.txt";
import f4Unsuback from "./4-unsuback.txt";
import f5Auth from "./5-auth.txt";
import f5Connack from "./5-connack.txt";
import f5Disconnect from "./5-disconnect.txt";
import f5NotFromABroker from "./5-not-from-a-broker.txt";
import f5Pingresp from "./5-pingresp.txt";
import f5Puback from "./5-puback.txt";
import f5Pubcomp from "./5-pubcomp.txt";
import f5Publish from "./5-publish.txt";
import f5Pubrec from "./5-pubrec.txt";
import f5Pubrel from "./5-pubrel.txt";
import f5Suback from "./5-suback.txt";
import f5Unsuback from "./5-unsuback.txt";
import fDefectAuthenticationMethod from "./defect-authentication-method.txt";
import fDefectBirthAboveTheMaximumQos from "./defect-birth-above-the-maximum-qos.txt";
import fDefectEmptyClientIdBefore311 from "./defect-empty-client-id-before-3-1-1.txt";
import fDefectFitsWithoutItsAlias from "./defect-fits-without-its-alias.txt";
import fDefectQos0NeverAcknowledged from "./defect-qos-0-never-acknowledged.txt";
import fDefectRedeliveryAboveTheMaximumQos from "./defect-redelivery-above-the-maximum-qos.txt";
import fDefectRequestsAboveTheMaximumSize from "./defect-requests-above-the-maximum-size.txt";
import fDefectSessionPresentWithoutAnId from "./defect-session-present-without-an-id.txt";
import fDefectSubscriptionForgotten from "./defect-subscription-forgotten.txt";
import fDefectSubscriptionKept from "./defect-subscription-kept.txt";
import fDefectUnsubscriptionLostIn31 from "./defect-unsubscription-lost-in-3-1.txt";

export const corpus: Readonly<Record<string, string>> = {
	"3-auth": f3Auth,
	"3-connack": f3Connack,
	"3-disconnect": f3Disconnect,
	"3-not-from-a-broker": f3NotFromABroker,
	"3-pingresp": f3Pingresp,
	"3-puback": f3Puback,
	"3-pubcomp": f3Pubcomp,
	"3-publish": f3Publish,
	"3-pubrec": f3Pubrec,
	"3-pubrel": f3Pubrel,
	"3-suback": f3Suback,
	"3-unsuback": f3Unsuback,
	"4-auth": f4Auth,
	"4-connack": f4Connack,
	"4-disconnect": f4Disconnect,
	"4-not-from-a-broker": f4NotFromABroker,
	"4-pingresp": f4Pingresp,
	"4-puback": f4Puback,
	"4-pubcomp": f4Pubcomp,
	"4-publish": f4Publish,
	"4-pubrec": f4Pubrec,
	"4-pubrel": f4Pubrel,
	"4-suback": f4Suback,
	"4-unsuback": f4Unsuback,
	"5-auth": f5Auth,
	"5-connack": f5Connack,
	"5-disconnect": f5Disconnect,
	"5-not-from-a-broker": f5NotFromABroker,
	"5-pingresp": f5Pingresp,
	"5-puback": f5Puback,
	"5-pubcomp": f5Pubcomp,
	"5-publish": f5Publish,
	"5-pubrec": f5Pubrec,
	"5-pubrel": f5Pubrel,
	"5-suback": f5Suback,
	"5-unsuback": f5Unsuback,
	"defect-authentication-method": fDefectAuthenticationMethod,
	"defect-birth-above-the-maximum-qos": fDefectBirthAboveTheMaximumQos,
	"defect-empty-client-id-before-3-1-1": fDefectEmptyClientIdBefore311,
	"defect-fits-without-its-alias": fDefectFitsWithoutItsAlias,
	"defect-qos-0-never-acknowledged": fDefectQos0NeverAcknowledged,
	"defect-redelivery-above-the-maximum-qos": fDefectRedeliveryAboveTheMaximumQos,
	"defect-requests-above-the-maximum-size": fDefectRequestsAboveTheMaximumSize,
	"defect-session-present-without-an-id": fDefectSessionPresentWithoutAnId,
	"defect-subscription-forgotten": fDefectSubscriptionForgotten,
	"defect-subscription-kept": fDefectSubscriptionKept,
	"defect-unsubscription-lost-in-3-1": fDefectUnsubscriptionLostIn31,
};
